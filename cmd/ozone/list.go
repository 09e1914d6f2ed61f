package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

const (
	defaultListLength = 100
	listPage          = 1000 // entries asked of om at once
)

// listOptions are the flags every listing of the shell has.
type listOptions struct {
	length        int
	all           bool
	start, prefix string
}

func (o *listOptions) addFlags(cmd *cobra.Command, noun string) {
	f := cmd.Flags()
	f.IntVarP(&o.length, "length", "l", defaultListLength, "list at most `N` "+noun)
	f.BoolVarP(&o.all, "all", "a", false, "list all, however many")
	f.StringVarP(&o.start, "start", "s", "", "list only what comes after this `name`")
	f.StringVarP(&o.prefix, "prefix", "p", "", "list only names that begin with this `prefix`")
}

func (o *listOptions) validate() error {
	if o.length < 1 {
		return usagef("--length must be a positive number, not %d", o.length)
	}
	return nil
}

// listing prints pages of a listing as one JSON array, up to the length asked
// for, and says on notes when there was more.
type listing[T any] struct {
	options listOptions
	noun    string
	page    func(after string, limit int) (items []T, more bool, err error)
	name    func(T) string
	keep    func(T) bool // nil keeps all
	show    func(T) any
}

func (l listing[T]) print(out, notes io.Writer) error {
	array := &jsonArray{w: out}
	after, more := l.options.start, true
	for more {
		var items []T
		var err error
		if items, more, err = l.page(after, l.pageSize(array.count)); err != nil {
			return err
		}
		for _, item := range items {
			after = l.name(item)
			if l.keep != nil && !l.keep(item) {
				continue
			}
			if l.full(array.count) {
				fmt.Fprintf(notes, "Listed the first %d %s only. Use -l N for more, -a for all.\n", array.count, l.noun)
				return array.close()
			}
			if err := array.add(l.show(item)); err != nil {
				return err
			}
		}
		more = more && len(items) > 0
	}
	return array.close()
}

// pageSize asks for one entry beyond the limit, which tells whether it cuts.
func (l listing[T]) pageSize(have int) int {
	if l.options.all {
		return listPage
	}
	return min(listPage, l.options.length-have+1)
}

func (l listing[T]) full(have int) bool {
	return !l.options.all && have >= l.options.length
}
