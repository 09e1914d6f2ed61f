package s3gtest

import (
	"slices"
	"strings"
	"testing"
)

// Mode is how the store under test treats signatures.
type Mode int

// The modes, to be or-ed.
const (
	Open      Mode = 1 << iota // any access key is believed
	Secure                     // signatures are verified, rights enforced
	Anonymous                  // an open store, and nothing is signed
)

// Case is one thing that S3 does, checked exactly.
type Case struct {
	Name    string // Group/Operation/case
	Modes   Mode   // where it can be asked
	Differs string // why we knowingly answer otherwise than AWS; "" for as AWS does
	Needs   Need
	Run     func(c *Client)
}

// Need is what a case takes of its target that not every one has.
type Need int

// The needs, to be or-ed.
const (
	InProcess     Need = 1 << iota // the store is in this process, with a short lifecycle day
	EncryptionKey                  // the store has a key for SSE-S3
)

// Group is the first part of the name.
func (c *Case) Group() string { return c.part(0) }

// Operation is the second part of the name.
func (c *Case) Operation() string { return c.part(1) }

func (c *Case) part(i int) string { return strings.SplitN(c.Name, "/", 3)[i] }

// book collects cases. Each of the functions in groups writes its chapter.
type book struct {
	cases  []*Case
	prefix string // Group/Operation/
}

// op begins the cases of an operation.
func (b *book) op(groupAndOperation string) { b.prefix = groupAndOperation + "/" }

// add writes a case down, for open and secure stores.
func (b *book) add(name string, run func(c *Client)) *Case {
	c := &Case{Name: b.prefix + name, Modes: Open | Secure, Run: run}
	b.cases = append(b.cases, c)
	return c
}

// secure writes a case down that needs rights enforced.
func (b *book) secure(name string, run func(c *Client)) *Case {
	c := b.add(name, run)
	c.Modes = Secure
	return c
}

// differs says why we answer otherwise than AWS.
func (c *Case) differs(why string) *Case {
	c.Differs = why
	return c
}

func (c *Case) needs(n Need) *Case {
	c.Needs |= n
	return c
}

func (c *Case) modes(m Mode) *Case {
	c.Modes = m
	return c
}

// Cases are all cases, in order of the groups.
func Cases() []*Case {
	var b book
	for _, chapter := range []func(*book){
		ozoneChapter, authChapter, payloadChapter, presignChapter, bucketChapter, listChapter, objectChapter, copyChapter, multipartChapter, checksumChapter, tagChapter, aclChapter, policyChapter, versionChapter, lockChapter, encryptionChapter, corsChapter, postChapter, lifecycleChapter, notificationChapter,
	} {
		chapter(&b)
	}
	return b.cases
}

// Run runs every case that tg can be asked, as subtests of t named
// Group/Operation/case. Cases use buckets of their own.
func Run(t *testing.T, tg Target) {
	if tg.Other.AccessKey == "" {
		tg.Other = User{AccessKey: "other-user", SecretKey: "other-secret"}
	}
	hc := newHTTP(t, tg)
	cases := Cases()
	for group := range slices.Values(groupsOf(cases)) {
		t.Run(group, func(t *testing.T) {
			for _, tc := range cases {
				if tc.Group() != group || tc.Modes&tg.mode() == 0 || tc.Needs&^tg.Has != 0 {
					continue
				}
				t.Run(strings.TrimPrefix(tc.Name, group+"/"), func(t *testing.T) {
					t.Parallel()
					tc.Run(&Client{t: t, tg: tg, hc: hc})
				})
			}
		})
	}
}

// groupsOf are the groups in their order.
func groupsOf(cases []*Case) (groups []string) {
	for _, c := range cases {
		if !slices.Contains(groups, c.Group()) {
			groups = append(groups, c.Group())
		}
	}
	return groups
}
