package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newOMAdminCommand(s *session) *cobra.Command {
	return newGroup("om", "Look at the oms",
		`Look at the oms, which keep the names and places of all objects.

  ozone admin om roles`,
		newRolesCommand(s))
}

func newRolesCommand(s *session) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "roles",
		Short: "List the oms and which one leads",
		Long: `List the oms and which one leads.

  ozone admin om roles
  ozone admin om roles --json`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runRoles(ctx, asJSON, c, s.out)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

// roleJSON is one om in Ozone's form: an object whose only key is the host.
type roleJSON map[string]struct {
	ServerRole string `json:"serverRole"`
	NodeID     string `json:"nodeId"`
	Address    string `json:"address"`
}

func runRoles(ctx context.Context, asJSON bool, c nodes, out io.Writer) error {
	list, err := c.Roles(ctx)
	if err != nil {
		return err
	}
	array := &jsonArray{w: out}
	for _, r := range list.Roles {
		if !asJSON {
			fmt.Fprintf(out, "%s : %s (%s)\n", r.ID, r.Role, hostOf(r.Address))
			continue
		}
		err := array.add(roleJSON{hostOf(r.Address): {ServerRole: r.Role, NodeID: r.ID, Address: r.Address}})
		if err != nil {
			return err
		}
	}
	if asJSON {
		return array.close()
	}
	return nil
}
