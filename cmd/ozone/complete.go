package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/client"
)

// completeTimeout is how long a person waits after pressing the tab key.
const completeTimeout = 2 * time.Second

// level says how deep a URI argument goes.
type level int

const (
	volumeLevel level = iota + 1
	bucketLevel
	keyLevel
)

// completeURI completes the first argument of a command, a URI down to a level,
// with what is in the store. Without an answer it offers nothing and is silent.
func (s *session) completeURI(deepest level) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 { // what follows a URI is a file, or a name of one's own
			return nil, cobra.ShellCompDirectiveDefault
		}
		a, err := parseAddress(typed)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		quiet := *s
		quiet.err = io.Discard
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
		defer cancel()
		var found []string
		_ = quiet.with(ctx, a.Host, func(ctx context.Context, c cluster) error {
			found, err = candidates(ctx, c, a, typed, deepest)
			return err
		})
		directive := cobra.ShellCompDirectiveNoFileComp
		if len(found) == 1 && strings.HasSuffix(found[0], "/") {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return found, directive
	}
}

// candidates are what may be typed instead of typed, which a is.
func candidates(ctx context.Context, c cluster, a address, typed string, deepest level) ([]string, error) {
	at := typedLevel(a, typed)
	if at > deepest {
		return nil, nil
	}
	slash := ""
	if at < deepest {
		slash = "/"
	}
	var names []string
	var begun string // the part of typed that the names replace
	switch at {
	case volumeLevel:
		begun = a.Volume
		page, _, err := c.ListVolumes(ctx, begun, "", defaultListLength)
		if err != nil {
			return nil, err
		}
		for _, v := range page {
			names = append(names, v.Name+slash)
		}
	case bucketLevel:
		begun = a.Bucket
		o := client.ListBucketsOptions{Volume: a.Volume, Prefix: begun, Limit: defaultListLength}
		page, _, err := c.ListBuckets(ctx, o)
		if err != nil {
			return nil, err
		}
		for _, b := range page {
			names = append(names, b.Name+slash)
		}
	case keyLevel:
		begun = a.Key
		page, err := c.ListObjects(ctx, a.bucket(), client.ListOptions{Prefix: begun, Delimiter: "/", Limit: defaultListLength})
		if err != nil {
			return nil, err
		}
		names = page.CommonPrefixes
		for _, k := range page.Objects {
			names = append(names, k.Key)
		}
	}
	head := strings.TrimSuffix(typed, begun)
	for i := range names {
		names[i] = head + names[i]
	}
	return names, nil
}

// typedLevel is the level of the last part of what was typed, which may be empty.
func typedLevel(a address, typed string) level {
	switch slash := strings.HasSuffix(typed, "/"); {
	case a.Key != "" || a.Bucket != "" && slash:
		return keyLevel
	case a.Bucket != "" || a.Volume != "" && slash:
		return bucketLevel
	}
	return volumeLevel
}
