package s3xml

import (
	"encoding/xml"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// timeFormat is how S3 writes times in XML.
const timeFormat = "2006-01-02T15:04:05.000Z"

// ContentType is the Content-Type of every document.
const ContentType = "application/xml"

// Marshal returns the document of v, one of this package's response structs, with
// the XML declaration. It panics for types it does not know: that is a mistake in
// the struct, which the package's tests find.
func Marshal(v any) []byte {
	b := append(make([]byte, 0, 1024), xml.Header...)
	rv := reflect.Indirect(reflect.ValueOf(v))
	p := planOf(rv.Type())
	if p.root == "" {
		panic("s3xml: " + rv.Type().String() + " has no XMLName")
	}
	b = append(b, '<')
	b = append(b, p.root...)
	if p.space != "" {
		b = append(b, ` xmlns="`...)
		b = append(b, p.space...)
		b = append(b, '"')
	}
	b = append(b, '>')
	b = p.append(b, rv)
	return appendEnd(b, p.root)
}

// Error returns the document of e. Like AWS's it has no namespace.
func Error(e *s3err.Error, resource, requestID, hostID string) []byte {
	b := append(make([]byte, 0, 512), xml.Header...)
	b = append(b, "<Error>"...)
	b = appendText(b, "Code", e.Code)
	b = appendText(b, "Message", e.Message)
	for _, f := range e.Fields {
		b = appendText(b, f.Name, f.Value)
	}
	if resource != "" {
		b = appendText(b, "Resource", resource)
	}
	b = appendText(b, "RequestId", requestID)
	b = appendText(b, "HostId", hostID)
	return append(b, "</Error>"...)
}

// plan says how to write one struct type.
type plan struct {
	root, space string // from XMLName
	fields      []field
}

// field is one struct field: an element, a list of them (inside outer, for
// `Outer>Inner` tags), the text of the struct, an embedded struct, or (any) a list of
// structs whose XMLName says what each is.
type field struct {
	index     int
	outer     string
	name      string
	omitEmpty bool
	text      bool
	any       bool
	attr      bool // of AWS's documents only xsi:type, of grantees
	embedded  *plan
}

// plans caches a *plan per reflect.Type.
var plans sync.Map

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{}
	for i := range t.NumField() {
		p.add(i, t.Field(i))
	}
	plans.Store(t, p)
	return p
}

func (p *plan) add(i int, f reflect.StructField) {
	name, opts, _ := strings.Cut(f.Tag.Get("xml"), ",")
	switch {
	case f.Name == "XMLName":
		space, local, ok := strings.Cut(name, " ")
		if !ok {
			space, local = "", name
		}
		p.space, p.root = space, local
	case f.Anonymous:
		p.fields = append(p.fields, field{index: i, embedded: planOf(f.Type)})
	default:
		outer, inner, ok := strings.Cut(name, ">")
		if !ok {
			outer, inner = "", name
		}
		p.fields = append(p.fields, field{
			index: i, outer: outer, name: inner,
			omitEmpty: opts == "omitempty", text: opts == "chardata", any: opts == "any", attr: opts == "attr",
		})
	}
}

func (p *plan) append(b []byte, v reflect.Value) []byte {
	for i := range p.fields {
		f := &p.fields[i]
		fv := v.Field(f.index)
		switch {
		case f.embedded != nil:
			b = f.embedded.append(b, fv)
		case f.text:
			b = appendEscaped(b, fv.String())
		case f.any:
			b = appendNamed(b, fv)
		case f.attr: // stands in the start tag
		case f.omitEmpty && fv.IsZero():
		case f.outer != "":
			b = appendStart(b, f.outer)
			b = f.appendAll(b, fv)
			b = appendEnd(b, f.outer)
		default:
			b = f.appendAll(b, fv)
		}
	}
	return b
}

// appendAll writes the element, once for every value of a slice and never for a
// nil pointer.
func (f *field) appendAll(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			b = f.appendAll(b, v.Index(i))
		}
		return b
	case reflect.Pointer:
		if v.IsNil() {
			return b
		}
		return f.appendAll(b, v.Elem())
	}
	b = append(b, '<')
	b = append(b, f.name...)
	b = appendAttributes(b, v)
	b = append(b, '>')
	b = appendValue(b, v)
	return appendEnd(b, f.name)
}

// appendNamed writes the structs of a slice under the names that their XMLNames hold.
func appendNamed(b []byte, v reflect.Value) []byte {
	for i := range v.Len() {
		name := v.Index(i).FieldByName("XMLName").Interface().(xml.Name).Local
		b = appendStart(b, name)
		b = appendValue(b, v.Index(i))
		b = appendEnd(b, name)
	}
	return b
}

// appendAttributes writes the attributes of a struct, of which AWS has one: a grantee's
// xsi:type.
func appendAttributes(b []byte, v reflect.Value) []byte {
	if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]() {
		return b
	}
	p := planOf(v.Type())
	for i := range p.fields {
		if f := &p.fields[i]; f.attr {
			space, name, _ := strings.Cut(f.name, " ")
			b = append(b, ` xmlns:xsi="`+space+`" xsi:`+name+`="`...)
			b = appendEscaped(b, v.Field(f.index).String())
			b = append(b, '"')
		}
	}
	return b
}

func appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.String:
		return appendEscaped(b, v.String())
	case reflect.Int, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return v.Interface().(time.Time).UTC().AppendFormat(b, timeFormat)
		}
		return planOf(v.Type()).append(b, v)
	}
	panic(fmt.Sprintf("s3xml: cannot encode %s", v.Type()))
}

func appendText(b []byte, name, text string) []byte {
	b = appendStart(b, name)
	b = appendEscaped(b, text)
	return appendEnd(b, name)
}

func appendStart(b []byte, name string) []byte {
	b = append(b, '<')
	b = append(b, name...)
	return append(b, '>')
}

func appendEnd(b []byte, name string) []byte {
	b = append(b, '<', '/')
	b = append(b, name...)
	return append(b, '>')
}
