package conf

import (
	"encoding/xml"
	"io"
	"regexp"
)

// redacted stands for a secret wherever values are shown.
const redacted = "******"

// secretName matches names whose values are not shown even if we don't know them.
var secretName = regexp.MustCompile(`(?i)(secret|password|passwd|token|credential|private.?key)$`)

// Setting is a key with its effective value, for people.
type Setting struct {
	Key
	Value  string // effective, expanded; a secret is redacted
	Source string
}

// Dump lists every key of the table, and those with suffixes that are set, in order of
// name, secrets redacted.
func (c *Config) Dump() []Setting {
	list := make([]Setting, 0, len(keys))
	for _, k := range c.known() {
		raw, source := c.raw(k)
		value, err := c.expand(raw)
		if err != nil {
			value = raw
		}
		list = append(list, Setting{Key: k, Value: show(k, value), Source: source})
	}
	return list
}

// show is value as people may see it.
func show(k Key, value string) string {
	if (k.Secret || secretName.MatchString(k.Name)) && value != "" {
		return redacted
	}
	return value
}

// WriteXML writes Dump in the form of Hadoop's /conf: a configuration file with
// the source of each value.
func (c *Config) WriteXML(w io.Writer) error {
	type property struct {
		Name   string `xml:"name"`
		Value  string `xml:"value"`
		Source string `xml:"source"`
	}
	doc := struct {
		XMLName    xml.Name   `xml:"configuration"`
		Properties []property `xml:"property"`
	}{}
	for _, s := range c.Dump() {
		doc.Properties = append(doc.Properties, property{s.Name, s.Value, s.Source})
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	return enc.Encode(doc)
}
