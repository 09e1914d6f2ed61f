package s3gtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// refused fails the test unless a is that refusal: status, code, and an error
// document as AWS writes them. HEAD has no body, so no code.
func (c *Client) refused(a Answer, status int, code string) Answer {
	c.t.Helper()
	if a.Status != status || code != "" && a.Code() != code {
		c.t.Fatalf("got %d %s, want %d %s\n%s", a.Status, a.Code(), status, code, a.Body)
	}
	if a.Header.Get("X-Amz-Request-Id") == "" {
		c.t.Fatal("no request id")
	}
	return a
}

// status sends a request that must give this status.
func (c *Client) status(status int, method, path, body string, header ...string) Answer {
	c.t.Helper()
	a := c.do(method, path, body, header...)
	if a.Status != status || a.Err != nil {
		c.t.Fatalf("%s %s: got %d %s, want %d %v\n%s", method, path, a.Status, a.Code(), status, a.Err, a.Body)
	}
	return a
}

// either sends a request that must fail in one of the ways, each "status code".
func (c *Client) either(ways []string, method, path, body string, header ...string) Answer {
	c.t.Helper()
	a := c.do(method, path, body, header...)
	if got := fmt.Sprintf("%d %s", a.Status, a.Code()); !slices.Contains(ways, got) {
		c.t.Fatalf("%s %s: got %s, want one of %q\n%s", method, path, got, ways, a.Body)
	}
	return a
}

// header fails the test unless a has that header.
func (c *Client) header(a Answer, name, want string) {
	c.t.Helper()
	if got := a.Header.Get(name); got != want {
		c.t.Fatalf("%s: got %q, want %q", name, got, want)
	}
}

// same fails the test when got is not want.
func (c *Client) same(what string, got, want any) {
	c.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		c.t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// has fails the test unless the body of a has all of the texts.
func (c *Client) has(a Answer, texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.Body, text) {
			c.t.Fatalf("no %q in\n%s", text, a.Body)
		}
	}
}

// hasNot fails the test if the body of a has one of the texts.
func (c *Client) hasNot(a Answer, texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.Body, text) {
			c.t.Fatalf("%q in\n%s", text, a.Body)
		}
	}
}

// sendAs signs a request with s and sends it; change, if any, tampers with it after.
func (c *Client) sendAs(s Signer, req *http.Request, hash string, change func(*http.Request)) Answer {
	c.t.Helper()
	s.Header(req, hash)
	if change != nil {
		change(req)
	}
	return c.send(req)
}

// object makes a bucket with one object and returns its path, /bucket/key.
func (c *Client) object(body string, header ...string) string {
	c.t.Helper()
	path := "/" + c.bucket() + "/key"
	c.ok("PUT", path, body, header...)
	return path
}

// gone is a path in a bucket that is not there.
const gone = "/no-such-bucket-at-all"
