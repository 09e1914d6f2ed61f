package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

type getconfOptions struct {
	key    string // -confKey, Ozone's form: the bare value
	asJSON bool
	only   bool // only what is set
}

func newGetconfCommand(s *session) *cobra.Command {
	var o getconfOptions
	cmd := &cobra.Command{
		Use:   "getconf [key...]",
		Short: "Show the effective configuration and where it comes from",
		Long: `Show configuration keys, their effective values and where each comes from: the
default, ozone-site.xml (--conf, OZONE_CONF_DIR), an environment variable
OZONE-SITE.XML_key, or -D.

  ozone getconf
  ozone getconf --set-only
  ozone getconf ozone.om.address ozone.s3g.http-address
  ozone getconf -confKey ozone.om.address      the bare value, for scripts`,
		Args: func(_ *cobra.Command, args []string) error { return nil },
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := s.config()
			if err != nil {
				return err
			}
			return runGetconf(o, c.Dump(), args, s.out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.key, "confKey", "", "print the bare value of this `key`")
	f.BoolVar(&o.only, "set-only", false, "leave out keys that have their default")
	f.BoolVar(&o.asJSON, "json", false, "print a JSON array")
	return cmd
}

func runGetconf(o getconfOptions, settings []conf.Setting, wanted []string, out io.Writer) error {
	if o.key != "" {
		chosen, err := choose(settings, []string{o.key})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(out, chosen[0].Value)
		return err
	}
	chosen, err := choose(settings, wanted)
	if err != nil {
		return err
	}
	if o.only {
		chosen = setOnly(chosen)
	}
	if o.asJSON {
		return printSettingsJSON(out, chosen)
	}
	return printSettings(out, chosen)
}

// choose picks the wanted keys in the order asked for; none wanted is all.
func choose(settings []conf.Setting, wanted []string) ([]conf.Setting, error) {
	if len(wanted) == 0 {
		return settings, nil
	}
	byName := map[string]conf.Setting{}
	for _, s := range settings {
		byName[s.Name] = s
		for _, alias := range s.Aliases {
			byName[alias] = s
		}
	}
	var chosen []conf.Setting
	for _, name := range wanted {
		s, ok := byName[name]
		if !ok {
			return nil, ozerr.New(ozerr.InvalidArgument, "configuration key %s is unknown; \"ozone getconf\" lists the keys there are", name)
		}
		chosen = append(chosen, s)
	}
	return chosen, nil
}

func setOnly(settings []conf.Setting) []conf.Setting {
	var kept []conf.Setting
	for _, s := range settings {
		if s.Source != conf.SourceDefault {
			kept = append(kept, s)
		}
	}
	return kept
}

func printSettings(out io.Writer, settings []conf.Setting) error {
	for _, s := range settings {
		source := ""
		if s.Source != conf.SourceDefault {
			source = "   (" + s.Source + ")"
		}
		if _, err := fmt.Fprintf(out, "%s=%s%s\n", s.Name, s.Value, source); err != nil {
			return err
		}
	}
	return nil
}

func printSettingsJSON(out io.Writer, settings []conf.Setting) error {
	array := &jsonArray{w: out}
	for _, s := range settings {
		err := array.add(struct {
			Key    string `json:"key"`
			Value  string `json:"value"`
			Source string `json:"source"`
			Doc    string `json:"doc"`
		}{s.Name, s.Value, s.Source, s.Doc})
		if err != nil {
			return err
		}
	}
	return array.close()
}

func newGenconfCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "genconf <directory>",
		Short: "Write an ozone-site.xml with every key, to be edited",
		Long: `Write an ozone-site.xml into a directory: every key with its default and what it
is for, commented out. An existing file is kept.

  ozone genconf /etc/ozone
  OZONE_CONF_DIR=/etc/ozone ozone getconf`,
		Args: arguments(0, "directory"),
		RunE: func(_ *cobra.Command, args []string) error { return runGenconf(args[0], s.out) },
	}
}

func runGenconf(dir string, out io.Writer) error {
	file := filepath.Join(dir, conf.SiteFile)
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return ozerr.New(fileExists, "%s exists and is left as it is", file)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, siteTemplate(conf.Keys()))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s has been written.\n", file)
	return err
}

// siteTemplate is a configuration file that changes nothing until a property is
// taken out of its comment.
func siteTemplate(keys []conf.Key) string {
	var b strings.Builder
	b.WriteString(xml.Header)
	b.WriteString("<configuration>\n")
	for _, k := range keys {
		fmt.Fprintf(&b, "\n  <!-- %s\n  <property><name>%s</name><value>%s</value></property>\n  -->\n",
			escapeXML(k.Doc), escapeXML(k.Name), escapeXML(k.Default))
	}
	b.WriteString("\n</configuration>\n")
	return b.String()
}

// escapeXML makes text safe in an element and, without "--", in a comment.
func escapeXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(strings.ReplaceAll(text, "--", "- -"))) // a Builder never fails
	return b.String()
}
