package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// printHelp is the part of a help page below the text: how to call the command
// and what can follow.
func printHelp(cmd *cobra.Command) error {
	w := cmd.OutOrStderr()
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "Usage: %s <command>\n", cmd.CommandPath())
		printCommands(w, cmd)
	} else {
		fmt.Fprintf(w, "Usage: %s\n", cmd.UseLine())
		if len(cmd.Aliases) > 0 {
			fmt.Fprintf(w, "Also called: %s\n", strings.Join(cmd.Aliases, ", "))
		}
	}
	if cmd.HasParent() && cmd.LocalNonPersistentFlags().HasAvailableFlags() {
		fmt.Fprintf(w, "\nFlags:\n%s", cmd.LocalNonPersistentFlags().FlagUsages())
	}
	fmt.Fprintf(w, "\nFlags of every command:\n%s", cmd.Root().PersistentFlags().FlagUsages())
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n\"%s <command> --help\" tells more about a command.\n", cmd.CommandPath())
	}
	return nil
}

// printCommands lists a group's commands, under the titles of the root's groups.
func printCommands(w io.Writer, cmd *cobra.Command) {
	groups := cmd.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands:"}}
	}
	for _, g := range groups {
		fmt.Fprintf(w, "\n%s\n", g.Title)
		for _, c := range cmd.Commands() {
			if c.GroupID == g.ID && c.IsAvailableCommand() {
				fmt.Fprintf(w, "  %-*s %s\n", c.NamePadding(), c.Name(), c.Short)
			}
		}
	}
}
