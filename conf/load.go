package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// SiteFile is the name of the configuration file in a configuration directory.
const SiteFile = "ozone-site.xml"

// envPrefix marks the environment variables that set a key.
const envPrefix = "OZONE-SITE.XML_"

// Options say where Load looks. The zero value gives the defaults.
type Options struct {
	// File is --conf: a configuration file or a directory with ozone-site.xml.
	// It must exist.
	File string
	// Dir is a configuration directory, which may lack the file. Used when File is
	// empty; when both are, OZONE_CONF_DIR from Environ is.
	Dir string
	// Defines are the "key=value" of -D.
	Defines []string
	// Environ is the environment as os.Environ gives it; nil is an empty one.
	Environ []string
}

// Load reads all sources and checks every value.
func Load(o Options) (*Config, error) {
	c := Default()
	for _, kv := range o.Environ {
		if name, value, ok := strings.Cut(kv, "="); ok {
			c.env[name] = value
		}
	}
	if err := c.loadFile(o); err != nil {
		return nil, err
	}
	for _, k := range keys {
		if value := c.env[k.Env]; k.Env != "" && value != "" {
			c.put(k.Name, value, "environment "+k.Env)
		}
	}
	for name, value := range c.env {
		if key, ok := strings.CutPrefix(name, envPrefix); ok {
			c.put(key, value, "environment "+name)
		}
	}
	for _, d := range o.Defines {
		key, value, ok := strings.Cut(d, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, fmt.Errorf("-D %s: want key=value", d)
		}
		c.put(key, value, "command line -D "+key)
	}
	c.warnUnknown()
	return c, c.check()
}

// loadFile reads the one configuration file, if there is any.
func (c *Config) loadFile(o Options) error {
	path, must := o.File, o.File != ""
	switch {
	case must:
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("--conf: %w", err)
		}
		if info.IsDir() {
			path = filepath.Join(path, SiteFile)
		}
	case o.Dir != "":
		path = filepath.Join(o.Dir, SiteFile)
	case c.env["OZONE_CONF_DIR"] != "":
		path = filepath.Join(c.env["OZONE_CONF_DIR"], SiteFile)
	default:
		return nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return nil
	}
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	props, err := ParseXML(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, p := range props {
		c.put(p.Name, p.Value, path)
	}
	return nil
}

// put stores a value under the canonical name of its key, unchecked.
func (c *Config) put(name, value, source string) {
	if k, ok := find(name); ok {
		name = k.Name
	}
	c.set[name] = setting{raw: strings.TrimSpace(value), source: source}
}
