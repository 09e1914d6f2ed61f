// Package conf reads the configuration of every program of the project, in
// Ozone's form: the same key names, file format, units and defaults.
//
// Sources, later ones win:
//
//  1. the defaults in the table of keys (keys.go);
//  2. ozone-site.xml, a Hadoop configuration file, from --conf or OZONE_CONF_DIR;
//  3. environment variables OZONE-SITE.XML_key=value, the docker-config convention,
//     and a few with names of their own, such as OZONE_ADMIN_KEY_FILE;
//  4. -D key=value.
//
// A value may refer to others: ${other.key}, ${env.NAME}, ${env.NAME:-fallback}.
// Every value is checked when it is loaded, so the typed getters cannot fail: a
// bad value is an error at start that names key, value and source.
package conf

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"
)

// SourceDefault is the Source of a key that nothing has set.
const SourceDefault = "default"

// Config holds effective values. It is not safe for use while Set is called;
// after start it is only read.
type Config struct {
	set      map[string]setting // by canonical name; also names we don't know
	env      map[string]string  // for ${env.NAME}
	warnings []string
}

// setting is a value as somebody wrote it.
type setting struct {
	raw    string
	source string
}

// Default is a configuration with nothing set.
func Default() *Config {
	return &Config{set: map[string]setting{}, env: map[string]string{}}
}

// Clone is an independent copy.
func (c *Config) Clone() *Config {
	return &Config{set: maps.Clone(c.set), env: maps.Clone(c.env), warnings: slices.Clone(c.warnings)}
}

// Set gives key a value. source says where it came from, for people. The error
// names key, value and source, and leaves the configuration as it was.
func (c *Config) Set(key, value, source string) error {
	k, ok := find(key)
	if !ok {
		return fmt.Errorf("%s: unknown key %s%s", source, key, didYouMean(key))
	}
	old, had := c.set[k.Name]
	c.set[k.Name] = setting{raw: value, source: source}
	if err := c.check(); err != nil {
		delete(c.set, k.Name)
		if had {
			c.set[k.Name] = old
		}
		return err
	}
	return nil
}

// check parses every value that is set, so that getters cannot fail.
func (c *Config) check() error {
	var errs []error
	for _, k := range c.known() {
		if _, err := c.parse(k); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// parse returns the value of k in the Go type of its kind.
func (c *Config) parse(k Key) (any, error) {
	raw, source := c.raw(k)
	text, err := c.expand(raw)
	if err == nil {
		var v any
		if v, err = k.parse(text); err == nil {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%s: %s = %q: %w", source, k.Name, show(k, raw), err)
}

// raw returns what is set for k, else its default, and where it came from.
func (c *Config) raw(k Key) (value, source string) {
	if s, ok := c.set[k.Name]; ok {
		return s.raw, s.source
	}
	return k.Default, SourceDefault
}

// get is the common part of the getters. Asking for a key that is not in the
// table, or for another kind than the table says, is a bug in the program.
func (c *Config) get(name string, kinds ...Kind) any {
	k, ok := find(name)
	if !ok {
		panic("conf: key " + name + " is not in the table of keys")
	}
	if !slices.Contains(kinds, k.Kind) {
		panic(fmt.Sprintf("conf: key %s is a %s", name, k.Kind))
	}
	v, err := c.parse(k)
	if err != nil {
		panic("conf: " + err.Error()) // check has seen every value
	}
	return v
}

// String returns a text or an address. An address without a port has the port of
// the key's default; an empty one stays empty and means no listener.
func (c *Config) String(key string) string { return c.get(key, KindString, KindAddress).(string) }

// Dial returns an address to connect to: where String says to listen on every
// interface, that is this machine.
func (c *Config) Dial(key string) string { return dialled(c.get(key, KindAddress).(string)) }

// dialled is addr with this machine for "every interface".
func dialled(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr // empty: nobody listens
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// Strings returns a comma-separated list, without blanks and empty entries.
func (c *Config) Strings(key string) []string { return c.get(key, KindList).([]string) }

// Bool returns a true or false.
func (c *Config) Bool(key string) bool { return c.get(key, KindBool).(bool) }

// Int returns a whole number.
func (c *Config) Int(key string) int { return c.get(key, KindInt).(int) }

// Float returns a number.
func (c *Config) Float(key string) float64 { return c.get(key, KindFloat).(float64) }

// Size returns a number of bytes; units are powers of 1024, as in Ozone.
func (c *Config) Size(key string) int64 { return c.get(key, KindSize).(int64) }

// Duration returns a span of time.
func (c *Config) Duration(key string) time.Duration { return c.get(key, KindDuration).(time.Duration) }

// Source says where the value of key came from: SourceDefault, a file's path,
// the environment or the command line.
func (c *Config) Source(key string) string {
	k, ok := find(key)
	if !ok {
		panic("conf: key " + key + " is not in the table of keys")
	}
	_, source := c.raw(k)
	return source
}

// IsSet tells whether something has set key.
func (c *Config) IsSet(key string) bool { return c.Source(key) != SourceDefault }

// Warnings are lines for the log: keys that nobody knows.
func (c *Config) Warnings() []string { return slices.Clone(c.warnings) }

// warnUnknown notes the names that are neither keys nor used as variables.
func (c *Config) warnUnknown() {
	used := map[string]bool{}
	for _, s := range c.set {
		for _, name := range references(s.raw) {
			used[name] = true
		}
	}
	for name, s := range c.set {
		if _, known := find(name); known || used[name] {
			continue
		}
		c.warnings = append(c.warnings,
			fmt.Sprintf("%s: unknown key %s is ignored%s", s.source, name, didYouMean(name)))
	}
	slices.SortFunc(c.warnings, strings.Compare)
}
