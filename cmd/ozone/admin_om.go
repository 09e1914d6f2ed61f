package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

func newOMAdminCommand(s *session) *cobra.Command {
	return newGroup("om", "Look at the oms and change their group",
		`Look at the oms, which keep the names and places of all objects, and change their
group.

  ozone admin om roles
  ozone admin om transfer -n om2
  ozone admin om decommission -nodeid om3`,
		newRolesCommand(s), newTransferCommand(s), newOMDecommissionCommand(s))
}

// addServiceID takes Ozone's flag for the service; there is one, the configured.
func addServiceID(cmd *cobra.Command, id *string) {
	cmd.Flags().StringVar(id, "service-id", "", "the `service` of the oms, if there might be a doubt")
	cmd.Flags().StringVar(id, "id", "", "the same")
	_ = cmd.Flags().MarkHidden("id") // fails only for an unknown flag
}

// checkService refuses another service than the configured one.
func (s *session) checkService(id string) error {
	if id == "" {
		return nil
	}
	c, err := s.config()
	if err != nil {
		return err
	}
	own, err := c.Service()
	if err != nil {
		return ozerr.Wrap(ozerr.InvalidArgument, err, "configuration")
	}
	if own != id {
		return ozerr.New(ozerr.InvalidArgument, "the configured service is %q, not %q", own, id)
	}
	return nil
}

func newTransferCommand(s *session) *cobra.Command {
	var node, service string
	var anyNode bool
	cmd := &cobra.Command{
		Use:   "transfer",
		Short: "Hand leadership to another om",
		Long: `Hand leadership to another om; without -n to the one that is furthest. No request
fails for it: clients follow.

  ozone admin om transfer -n om2
  ozone admin om transfer -r`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if node != "" && anyNode {
				return usagef("either -n or -r")
			}
			if err := s.checkService(service); err != nil {
				return err
			}
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runTransfer(ctx, node, c, s.out)
			})
		},
	}
	cmd.Flags().StringVarP(&node, "newLeaderId", "n", "", "the om that shall lead, by its `id`")
	cmd.Flags().BoolVarP(&anyNode, "random", "r", false, "any om that is fit")
	addServiceID(cmd, &service)
	return cmd
}

func runTransfer(ctx context.Context, node string, c nodes, out io.Writer) error {
	if err := c.TransferLeadership(ctx, node); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "Transfer leadership successfully"+toNode(node)+".")
	return err
}

func toNode(node string) string {
	if node == "" {
		return ""
	}
	return " to " + node
}

func newOMDecommissionCommand(s *session) *cobra.Command {
	var node, host, service string
	cmd := &cobra.Command{
		Use:   "decommission",
		Short: "Take an om out of the group for good",
		Long: `Take an om out of the group for good: it votes no more and gets no more of the log.
Stop it afterwards, and take it out of ozone.om.nodes.SERVICE everywhere. To let it join
again, empty its directory.

  ozone admin om decommission -nodeid om3`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if node == "" {
				return usagef("missing option -nodeid")
			}
			if err := s.checkService(service); err != nil {
				return err
			}
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runOMDecommission(ctx, node, host, c, s.out)
			})
		},
	}
	cmd.Flags().StringVar(&node, "nodeid", "", "the om, by its `id`")
	cmd.Flags().StringVar(&host, "hostname", "", "its `host`, to be compared")
	addServiceID(cmd, &service)
	return cmd
}

// runOMDecommission removes node; from a leader it takes the leadership first.
func runOMDecommission(ctx context.Context, node, host string, c nodes, out io.Writer) error {
	list, err := c.Roles(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list.Roles, func(r client.Role) bool { return r.ID == node })
	switch {
	case i < 0:
		return ozerr.New(ozerr.InvalidArgument, "there is no om %s in the group", node)
	case host != "" && list.Roles[i].Address != "" && hostOf(list.Roles[i].Address) != host:
		return ozerr.New(ozerr.InvalidArgument, "%s is on host %s, not %s", node, hostOf(list.Roles[i].Address), host)
	case list.Roles[i].Role == "LEADER":
		if err := c.TransferLeadership(ctx, ""); err != nil {
			return err
		}
	}
	if err := c.RemoveOM(ctx, node); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Successfully decommissioned OM %s\n", node)
	return err
}

func newRolesCommand(s *session) *cobra.Command {
	var asJSON bool
	var service string
	cmd := &cobra.Command{
		Use:   "roles",
		Short: "List the oms and which one leads",
		Long: `List the oms and which one leads.

  ozone admin om roles
  ozone admin om roles --json`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.checkService(service); err != nil {
				return err
			}
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runRoles(ctx, asJSON, c, s.out)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	addServiceID(cmd, &service)
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
