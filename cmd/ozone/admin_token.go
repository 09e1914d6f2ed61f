package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/internal/adminkey"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

func newTokenCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "token",
		Short: "Print the token that web pages want in secure mode",
		Long: `Print the token that the web pages of servers, metrics and profiles among them, want
in secure mode: as a bearer token, or as the password, with any name, in a browser. It
follows from the admin key and opens nothing else.

  curl -H "Authorization: Bearer $(ozone admin token)" http://om:9874/metrics`,
		Args: arguments(0),
		RunE: func(*cobra.Command, []string) error {
			c, err := s.config()
			if err != nil {
				return err
			}
			key, err := adminKey(c)
			if err != nil {
				return err
			}
			if key == nil {
				return ozerr.New(ozerr.AdminKeyRefused, "web pages want no token in open mode; in secure mode -D ozone.admin.key.file=FILE or OZONE_ADMIN_KEY_FILE=FILE names the admin key")
			}
			fmt.Fprintln(s.out, adminkey.PagesToken(key))
			return nil
		},
	}
}
