// Package floors has no code: its test checks which package may import which,
// the floors of docs/design.md. The same rules are in .golangci.yml for editors;
// this test needs nothing but the go command.
package floors
