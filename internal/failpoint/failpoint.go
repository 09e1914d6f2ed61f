//go:build !failpoints

// Package failpoint marks the places where a crash would hurt most, so that a test can
// make the process die, or hang for a while, exactly there. In a normal build Hit is
// empty and costs nothing; `go build -tags failpoints` makes it work (see armed.go).
//
// A place is named "package/what happens around it", such as "om/after-logstore".
package failpoint

// Hit does nothing in this build.
func Hit(string) {}
