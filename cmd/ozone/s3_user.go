package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/client"
)

func newUserCommand(s *session) *cobra.Command {
	return newGroup("user", "The users of S3",
		`The users of S3. A user's name is its access key; the canonical id, which stands in
ACLs and owners, follows from the name and never changes.

  ozone s3 user create alice --display-name "Alice A." --email alice@example.com
  ozone s3 getsecret -u alice
  ozone s3 user list`,
		newUserCreateCommand(s), newUserListCommand(s), newUserInfoCommand(s), newUserSetCommand(s), newUserDeleteCommand(s))
}

// userFlags are what can be said of a user.
type userFlags struct{ displayName, email string }

func (u *userFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&u.displayName, "display-name", "", "the `name` that listings and ACLs show; the user's name, unless given")
	cmd.Flags().StringVar(&u.email, "email", "", "the e-mail `address`, by which ACLs may name the user; no other user may have it")
}

// change has what was given on the command line.
func (u *userFlags) change(cmd *cobra.Command, name string) client.UserChange {
	c := client.UserChange{Name: name}
	if cmd.Flags().Changed("display-name") {
		c.DisplayName = &u.displayName
	}
	if cmd.Flags().Changed("email") {
		c.Email = &u.email
	}
	return c
}

func newUserCreateCommand(s *session) *cobra.Command {
	var u userFlags
	cmd := &cobra.Command{
		Use:   "create <name>",
		Short: "Make a user",
		Long: `Make a user. It has no secret yet: "ozone s3 getsecret" makes one.

  ozone s3 user create alice --display-name "Alice A." --email alice@example.com`,
		Args: arguments(0, "name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			change := u.change(cmd, args[0])
			change.Create = true
			return s.changeUser(cmd.Context(), change, "created")
		},
	}
	u.add(cmd)
	return cmd
}

func newUserSetCommand(s *session) *cobra.Command {
	var u userFlags
	cmd := &cobra.Command{
		Use:   "set <name>",
		Short: "Change a user's display name or e-mail address",
		Long: `Change a user's display name or e-mail address; an empty address takes it away.

  ozone s3 user set alice --display-name "Alice B."
  ozone s3 user set alice --email ""`,
		Args: arguments(0, "name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			change := u.change(cmd, args[0])
			if change.DisplayName == nil && change.Email == nil {
				return usagef("nothing to change: give --display-name or --email")
			}
			change.MustExist = true
			return s.changeUser(cmd.Context(), change, "changed")
		},
	}
	u.add(cmd)
	return cmd
}

func (s *session) changeUser(ctx context.Context, change client.UserChange, verb string) error {
	return s.with(ctx, "", func(ctx context.Context, c cluster) error {
		if _, err := c.SetUser(ctx, change); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "User %s is %s\n", change.Name, verb)
		return err
	})
}

func newUserDeleteCommand(s *session) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete <name>",
		Short: "Delete a user and its secret",
		Long: `Delete a user and its secret. Its buckets and objects stay, and are the user's again
when one of that name is made.

  ozone s3 user delete alice -y`,
		Args: arguments(0, "name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes && !confirm(s, "user "+args[0]+" and its secret") {
				return nil
			}
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				if err := c.DeleteUser(ctx, args[0]); err != nil {
					return err
				}
				_, err := fmt.Fprintf(s.out, "User %s is deleted\n", args[0])
				return err
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "don't ask")
	return cmd
}

func newUserInfoCommand(s *session) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info <name>",
		Short: "Show a user",
		Long: `Show a user.

  ozone s3 user info alice
  ozone s3 user info alice --json`,
		Args: arguments(0, "name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				u, err := c.GetUser(ctx, client.UserQuery{Name: args[0]})
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(s.out, userJSONOf(u))
				}
				printUser(s.out, u)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func printUser(w io.Writer, u client.User) {
	secret := "no"
	if u.HasSecret {
		secret = "yes"
	}
	fmt.Fprintf(w, "Name         : %s\nCanonical id : %s\nDisplay name : %s\nE-mail       : %s\nSecret       : %s\nCreated      : %s\n",
		u.Name, u.CanonicalID, u.DisplayName, u.Email, secret, u.Created.UTC().Format(time.RFC3339))
}

func newUserListCommand(s *session) *cobra.Command {
	var asJSON bool
	var prefix string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the users",
		Long: `List the users by name.

  ozone s3 user list
  ozone s3 user list --prefix team- --json`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return listUsers(ctx, c, prefix, asJSON, s.out)
			})
		},
	}
	cmd.Flags().StringVarP(&prefix, "prefix", "p", "", "only names that start with `text`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func listUsers(ctx context.Context, c users, prefix string, asJSON bool, out io.Writer) error {
	array := &jsonArray{w: out}
	for after, more := "", true; more; {
		page, truncated, err := c.ListUsers(ctx, prefix, after, listPage)
		if err != nil {
			return err
		}
		for _, u := range page {
			after = u.Name
			if !asJSON {
				fmt.Fprintln(out, u.Name)
			} else if err := array.add(userJSONOf(u)); err != nil {
				return err
			}
		}
		more = truncated && len(page) > 0
	}
	if asJSON {
		return array.close()
	}
	return nil
}

type userJSON struct {
	Name             string  `json:"name"`
	CanonicalID      string  `json:"canonicalId"`
	DisplayName      string  `json:"displayName"`
	Email            string  `json:"email"`
	HasSecret        bool    `json:"hasSecret"`
	CreationTime     isoTime `json:"creationTime"`
	ModificationTime isoTime `json:"modificationTime"`
}

func userJSONOf(u client.User) userJSON {
	return userJSON{
		Name: u.Name, CanonicalID: u.CanonicalID, DisplayName: u.DisplayName, Email: u.Email, HasSecret: u.HasSecret,
		CreationTime: isoTime(u.Created), ModificationTime: isoTime(u.Modified),
	}
}
