package conf

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const (
	maxExpansions = 20      // Hadoop's limit, and what ends a loop
	maxExpanded   = 1 << 16 // bytes of a value; doubling 20 times would be too much
)

// reference is ${name} with nothing of its own inside: the innermost one.
var reference = regexp.MustCompile(`\$\{([^{}$\s]+)\}`)

// references are the names that a raw value refers to.
func references(raw string) []string {
	var names []string
	for _, m := range reference.FindAllStringSubmatch(raw, -1) {
		names = append(names, m[1])
	}
	return names
}

// expand replaces ${name} as Hadoop does: again and again, innermost first, a
// name that nobody knows stays as it is written.
func (c *Config) expand(text string) (string, error) {
	from := 0
	for n := 0; ; {
		at := reference.FindStringSubmatchIndex(text[from:])
		if at == nil {
			return text, nil
		}
		start, end := from+at[0], from+at[1]
		value, ok := c.variable(text[from+at[2] : from+at[3]])
		if !ok {
			from = end
			continue
		}
		if n++; n > maxExpansions {
			return "", fmt.Errorf("more than %d substitutions: do the values refer to each other?", maxExpansions)
		}
		text = text[:start] + value + text[end:]
		if from = 0; len(text) > maxExpanded {
			return "", errors.New("the expanded value is too long")
		}
	}
}

// variable finds what ${name} stands for.
func (c *Config) variable(name string) (string, bool) {
	if env, ok := strings.CutPrefix(name, "env."); ok {
		env, fallback, has := strings.Cut(env, ":-")
		if value := c.env[env]; value != "" || !has {
			_, set := c.env[env]
			return value, set
		}
		return fallback, true
	}
	if k, ok := find(name); ok {
		raw, _ := c.raw(k)
		return raw, true
	}
	s, ok := c.set[name]
	return s.raw, ok
}
