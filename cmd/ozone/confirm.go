package main

import (
	"bufio"
	"fmt"
	"strings"
)

// confirm asks before something is deleted for good. Only "yes" is a yes.
func confirm(s *session, what string) bool {
	fmt.Fprintf(s.out, "This deletes %s, and there is no way back.\nEnter 'yes' to go on: ", what)
	answer, _ := bufio.NewReader(s.in).ReadString('\n')
	if strings.TrimSpace(answer) == "yes" {
		return true
	}
	fmt.Fprintln(s.out, "Operation cancelled.")
	return false
}
