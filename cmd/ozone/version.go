package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/internal/version"
)

func newVersionCommand(s *session) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show which build this is",
		Long: `Show which build this is.

  ozone version
  ozone version --json | jq -r .version`,
		Args: arguments(0),
		RunE: func(*cobra.Command, []string) error { return runVersion(s, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func runVersion(s *session, asJSON bool) error {
	v := version.Get()
	if asJSON {
		return printJSON(s.out, map[string]string{
			"version": v.Version, "revision": v.Revision, "built": v.Built, "go": v.Go,
		})
	}
	_, err := fmt.Fprintln(s.out, "Mini Ozone", v)
	return err
}
