package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxDepth bounds the nesting of a policy; a statement's condition needs six levels.
const maxDepth = 16

// node is a value of a JSON document: fields in order for an object, items for an
// array, text for the rest. encoding/json's own structs would let a name that stands
// twice, or in another case, mean whatever came last.
type node struct {
	kind   byte // '{', '[', 's'tring, 'n'umber, 'b'ool, '0' null
	fields []field
	items  []node
	text   string
}

type field struct {
	name  string
	value node
}

var errDuplicate = errors.New("a name stands twice in one object")

// parseJSON reads exactly one JSON value.
func parseJSON(text []byte) (node, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return node{}, errors.New("text after the document")
	}
	return n, nil
}

func readNode(d *json.Decoder, depth int) (node, error) {
	t, err := d.Token()
	if err != nil {
		return node{}, err
	}
	switch t := t.(type) {
	case json.Delim:
		if depth == maxDepth {
			return node{}, errors.New("nested too deep")
		}
		if t == '{' {
			return readObject(d, depth+1)
		}
		return readArray(d, depth+1)
	case string:
		return node{kind: 's', text: t}, nil
	case json.Number:
		return node{kind: 'n', text: t.String()}, nil
	case bool:
		return node{kind: 'b', text: fmt.Sprint(t)}, nil
	}
	return node{kind: '0'}, nil
}

func readObject(d *json.Decoder, depth int) (node, error) {
	n := node{kind: '{'}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return node{}, err
		}
		name, ok := t.(string)
		if !ok {
			return node{}, errors.New("a name is no string")
		}
		if n.get(name) != nil {
			return node{}, errDuplicate
		}
		v, err := readNode(d, depth)
		if err != nil {
			return node{}, err
		}
		n.fields = append(n.fields, field{name, v})
	}
	_, err := d.Token()
	return n, err
}

func readArray(d *json.Decoder, depth int) (node, error) {
	n := node{kind: '['}
	for d.More() {
		v, err := readNode(d, depth)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, v)
	}
	_, err := d.Token()
	return n, err
}

// get is the field of that name, nil if there is none.
func (n *node) get(name string) *node {
	for i := range n.fields {
		if n.fields[i].name == name {
			return &n.fields[i].value
		}
	}
	return nil
}

// strings is a string or a list of strings.
func (n *node) strings() ([]string, bool) {
	if n.kind == 's' {
		return []string{n.text}, true
	}
	if n.kind != '[' || len(n.items) == 0 {
		return nil, false
	}
	out := make([]string, len(n.items))
	for i := range n.items {
		if n.items[i].kind != 's' {
			return nil, false
		}
		out[i] = n.items[i].text
	}
	return out, true
}

// scalars is a string, number or bool, or a list of them, each as text.
func (n *node) scalars() ([]string, bool) {
	items := n.items
	if n.kind != '[' {
		items = []node{*n}
	}
	out := make([]string, len(items))
	for i := range items {
		switch items[i].kind {
		case 's', 'n', 'b':
			out[i] = items[i].text
		default:
			return nil, false
		}
	}
	return out, true
}
