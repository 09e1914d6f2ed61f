package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// printJSON writes v indented, with a newline.
func printJSON(w io.Writer, v any) error {
	b, err := indented(v, "")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func indented(v any, prefix string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, "  ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// jsonArray streams a JSON array, so that a listing of any length needs the
// memory of one element. The zero value with w set is ready; close ends it.
type jsonArray struct {
	w     io.Writer
	count int
}

func (a *jsonArray) add(v any) error {
	b, err := indented(v, "  ")
	if err != nil {
		return err
	}
	sep := ",\n  "
	if a.count == 0 {
		sep = "[\n  "
	}
	a.count++
	_, err = fmt.Fprintf(a.w, "%s%s", sep, b)
	return err
}

func (a *jsonArray) close() error {
	end := "\n]\n"
	if a.count == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(a.w, end)
	return err
}

// isoTime prints a time as Ozone's JSON does: UTC with milliseconds.
type isoTime time.Time

func (t isoTime) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"), nil
}
