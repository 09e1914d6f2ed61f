package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

const secretHelp = `

Secrets exist in secure mode only (ozone.security.enabled=true). There the command needs
the admin key: -D ozone.admin.key.file=FILE or OZONE_ADMIN_KEY_FILE=FILE. In open mode
every access key and every secret is accepted; the command says so and succeeds, as
Ozone's does.`

func newGetSecretCommand(s *session) *cobra.Command {
	var user string
	var export bool
	cmd := &cobra.Command{
		Use:   "getsecret",
		Short: "Make and show the S3 secret of a user",
		Long: `Make the S3 secret of a user, and the user if need be, and show it, this once: the
access key is the user's name.

  ozone s3 getsecret -u alice
  eval "$(ozone s3 getsecret -u alice -e)"` + secretHelp,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.withSecrets(cmd, func(ctx context.Context, c users) error {
				name := s.userOr(user)
				secret, err := c.NewSecret(ctx, name)
				if errors.Is(err, ozerr.SecretAlreadyShown) {
					return ozerr.New(ozerr.SecretAlreadyShown, "user %s has a secret, which was shown when it was made; "+
						"setsecret replaces it, revokesecret takes it away", name)
				}
				if err == nil {
					printSecret(s.out, name, secret, export)
				}
				return err
			})
		},
	}
	userFlag(cmd, &user)
	exportFlag(cmd, &export)
	return cmd
}

func newSetSecretCommand(s *session) *cobra.Command {
	var user, secret string
	var export bool
	cmd := &cobra.Command{
		Use:   "setsecret",
		Short: "Set the S3 secret of a user",
		Long: `Set the S3 secret of a user, who is made if need be. Without --secret it is the first
line of standard input, where no list of processes shows it.

  ozone s3 setsecret -u alice -s correct-horse-battery
  ozone s3 setsecret -u alice < secret.txt` + secretHelp,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.withSecrets(cmd, func(ctx context.Context, c users) error {
				if secret == "" {
					line, err := bufio.NewReader(s.in).ReadString('\n')
					if err != nil && !errors.Is(err, io.EOF) {
						return err
					}
					secret = strings.TrimRight(line, "\r\n")
				}
				name := s.userOr(user)
				if err := c.SetSecret(ctx, name, secret); err != nil {
					return err
				}
				printSecret(s.out, name, secret, export)
				return nil
			})
		},
	}
	userFlag(cmd, &user)
	cmd.Flags().StringVarP(&secret, "secret", "s", "", "the `secret`, of 8 characters or more")
	exportFlag(cmd, &export)
	return cmd
}

func newRevokeSecretCommand(s *session) *cobra.Command {
	var user string
	var yes bool
	cmd := &cobra.Command{
		Use:   "revokesecret",
		Short: "Revoke the S3 secret of a user",
		Long: `Revoke the S3 secret of a user: within 30 seconds no gateway takes it any more. The
user, its buckets and its objects stay.

  ozone s3 revokesecret -u alice -y` + secretHelp,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.withSecrets(cmd, func(ctx context.Context, c users) error {
				name := s.userOr(user)
				if !yes && !confirm(s, "the S3 secret of "+name) {
					return nil
				}
				if err := c.RevokeSecret(ctx, name); err != nil {
					return err
				}
				_, err := fmt.Fprintln(s.out, "S3 secret revoked.")
				return err
			})
		},
	}
	userFlag(cmd, &user)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "don't ask")
	return cmd
}

func userFlag(cmd *cobra.Command, user *string) {
	cmd.Flags().StringVarP(user, "user", "u", "", "the `user`; you, unless given")
}

func exportFlag(cmd *cobra.Command, export *bool) {
	cmd.Flags().BoolVarP(export, "export", "e", false, "print in the form of shell exports")
}

// userOr is the user given by -u, else who calls.
func (s *session) userOr(given string) string {
	if given != "" {
		return given
	}
	return s.user
}

func printSecret(w io.Writer, name, secret string, export bool) {
	if export {
		fmt.Fprintf(w, "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n", quoted(name), quoted(secret))
		return
	}
	fmt.Fprintf(w, "awsAccessKey=%s\nawsSecret=%s\n", name, secret)
}

// quoted is text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// withSecrets is with for commands about secrets. An open store, and no store where
// none is configured to be secure, gets Ozone's message and success: scripts that set up
// both modes rely on it.
func (s *session) withSecrets(cmd *cobra.Command, f func(context.Context, users) error) error {
	err := s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error { return f(ctx, c) })
	var open bool
	switch ozerr.CodeOf(err) {
	case ozerr.NotSupported:
		open = true
	case ozerr.Unavailable:
		secure, confErr := s.wantsKey()
		open = confErr == nil && !secure
	}
	if !open {
		return err
	}
	fmt.Fprintf(s.err, "Error: '%s' operation works only when security is enabled. "+
		"To enable security set ozone.security.enabled to true.\n", cmd.CommandPath())
	return nil
}
