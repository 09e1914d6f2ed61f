package conf

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxFile is the largest configuration file that is read.
const maxFile = 4 << 20

// Property is one entry of a configuration file.
type Property struct {
	Name, Value string
}

// xmlProperty has both forms that Hadoop accepts: elements and attributes.
type xmlProperty struct {
	Name      *string `xml:"name"`
	Value     *string `xml:"value"`
	NameAttr  string  `xml:"name,attr"`
	ValueAttr string  `xml:"value,attr"`
}

// ParseXML reads a Hadoop configuration file:
//
//	<configuration>
//	  <property><name>key</name><value>text</value></property>
//	</configuration>
//
// Descriptions, tags and <final> are accepted and mean nothing here: there is one
// file, and -D wins over it as Hadoop's Configuration.set does. Includes are
// refused, since silently skipping one would lose settings. Errors name the line.
func ParseXML(r io.Reader) ([]Property, error) {
	limited := &io.LimitedReader{R: r, N: maxFile + 1}
	d := xml.NewDecoder(limited)
	var props []Property
	depth, seen := 0, false
	for {
		tok, err := d.Token()
		if limited.N <= 0 {
			return nil, fmt.Errorf("more than %d bytes", maxFile)
		}
		if errors.Is(err, io.EOF) {
			if !seen {
				return nil, errors.New("no <configuration> element")
			}
			return props, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if depth == 0 {
				if t.Name.Local != "configuration" || seen {
					return nil, at(d, "want one <configuration> element, got <%s>", t.Name.Local)
				}
				depth, seen = 1, true
				continue
			}
			p, err := parseProperty(d, t)
			if err != nil {
				return nil, err
			}
			props = append(props, p)
		case xml.EndElement:
			depth--
		case xml.CharData:
			if s := strings.TrimSpace(string(t)); s != "" {
				return nil, at(d, "text outside of a property: %.40q", s)
			}
		}
	}
}

// parseProperty reads the element that t opens.
func parseProperty(d *xml.Decoder, t xml.StartElement) (Property, error) {
	if t.Name.Local != "property" {
		return Property{}, at(d, "want <property>, got <%s>", t.Name.Local)
	}
	var x xmlProperty
	if err := d.DecodeElement(&x, &t); err != nil {
		return Property{}, err
	}
	p := Property{Name: x.NameAttr, Value: x.ValueAttr}
	if x.Name != nil {
		p.Name = *x.Name
	}
	if x.Value != nil {
		p.Value = *x.Value
	}
	if p.Name = strings.TrimSpace(p.Name); p.Name == "" {
		return Property{}, at(d, "property without a name")
	}
	return p, nil
}

// at is an error with the line that the decoder has reached.
func at(d *xml.Decoder, format string, args ...any) error {
	line, _ := d.InputPos()
	return fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...))
}
