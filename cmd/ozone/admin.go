package main

import "github.com/spf13/cobra"

func newAdminCommand(s *session) *cobra.Command {
	return newGroup("admin", "Look at datanodes, containers and oms",
		`Look at datanodes, containers and oms.

  ozone admin datanode list
  ozone admin container report
  ozone admin om roles
  ozone admin safemode wait -t 60`,
		newDatanodeAdminCommand(s), newContainerCommand(s), newOMAdminCommand(s), newSafemodeCommand(s),
		newReplicationManagerCommand(s), newBalancerCommand(s), newTokenCommand(s))
}
