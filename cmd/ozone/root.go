package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const rootLong = `ozone is the command line of Mini Ozone, an object store that speaks S3.

Start a whole cluster in this terminal, then use it from another:

  ozone local run
  ozone sh volume create vol1
  ozone sh bucket create vol1/bucket1
  ozone sh key put vol1/bucket1/hello.txt ./hello.txt
  ozone sh key cat vol1/bucket1/hello.txt

Every command looks for om at the address of the configuration (ozone.om.address,
by default localhost:9862). Exit codes: 0 success, 2 wrong usage, 255 the command
was tried and failed; then stderr has one line, "CODE message".`

// Groups of the top-level commands, in the order help shows them.
const (
	groupStore  = "store"
	groupAdmin  = "admin"
	groupServer = "server"
	groupOther  = "other"
)

func newRootCommand(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:               "ozone",
		Short:             "Mini Ozone, an object store that speaks S3",
		Long:              rootLong,
		Args:              noSuchCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	addGlobalFlags(root, s)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usagef("%v", err) })
	root.SetHelpCommand(newHelpCommand())
	root.SetUsageFunc(printHelp)
	root.AddGroup(
		&cobra.Group{ID: groupStore, Title: "Store:"},
		&cobra.Group{ID: groupAdmin, Title: "Administration:"},
		&cobra.Group{ID: groupServer, Title: "Servers:"},
		&cobra.Group{ID: groupOther, Title: "Other:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupStore, newShellCommand(s), newS3Command(s))
	add(groupAdmin, newAdminCommand(s), newGetconfCommand(s), newGenconfCommand(s))
	add(groupServer,
		newLocalCommand(s),
		newServerCommand(s, "om", "Run the metadata server"),
		newServerCommand(s, "datanode", "Run a datanode"),
		newServerCommand(s, "s3g", "Run the S3 gateway"))
	add(groupOther, newFreonCommand(s), newVersionCommand(s), newCompletionCommand())
	return root
}

func addGlobalFlags(root *cobra.Command, s *session) {
	f := root.PersistentFlags()
	f.SortFlags = false
	f.StringVar(&s.om, "om", "", "address of om, `host[:port]`, instead of the configured one")
	f.StringVar(&s.confPath, "conf", "", "configuration: `path` of an ozone-site.xml or of its directory")
	f.StringArrayVarP(&s.defines, "set", "D", nil, "set a configuration value, as `key=value`; may be repeated")
	f.BoolVar(&s.verbose, "verbose", false, "say more, and the causes of an error")
	f.BoolP("help", "h", false, "show help")
}

// newGroup is a command that only holds others.
func newGroup(use, short, long string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: noSuchCommand,
		RunE: func(*cobra.Command, []string) error { return usagef("Missing required subcommand") },
	}
	cmd.AddCommand(subs...)
	return cmd
}

// noSuchCommand turns what is left of the command line at a group into an error.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	message := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		message += fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	return usageError{message}
}

// arguments checks the count of positional arguments against their names, the
// last `optional` of which may be missing.
func arguments(optional int, names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names)-optional:
			return usagef("missing argument <%s>", names[len(args)])
		case len(args) > len(names):
			return usagef("unexpected argument %q", args[len(names)])
		}
		return nil
	}
}

func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [command]", Short: "Show help for a command", Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("no such command: %s", strings.Join(args, " "))
			}
			return target.Help()
		},
	}
}

func newCompletionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that completes ozone commands in your shell",
		Long: `Print a script that completes ozone commands, flags, volumes and buckets in your
shell. For the running shell:

  source <(ozone completion bash)

For every new one:

  ozone completion bash > /etc/bash_completion.d/ozone
  ozone completion zsh  > "${fpath[1]}/_ozone"
  ozone completion fish > ~/.config/fish/completions/ozone.fish`,
		Args:      arguments(0, "shell"),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			}
			return usagef("no completion for %q; there is bash, zsh and fish", args[0])
		},
	}
}
