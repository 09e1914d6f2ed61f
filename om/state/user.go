package state

import (
	"strings"

	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Limits of what is known of a user, in bytes.
const (
	maxUserName    = 128
	maxDisplayName = 255
	maxEmail       = 254 // RFC 5321
	maxSealed      = 1024
)

// First bytes of the names in table.UserNames.
const (
	byCanonicalID = "i"
	byEmail       = "m"
)

// userAnswer is u without the sealed secret: nobody outside om needs it.
func userAnswer(u *ompb.UserInfo) *ompb.Response {
	return &ompb.Response{Result: &ompb.Response_User{User: shown(u)}}
}

func shown(u *ompb.UserInfo) *ompb.UserInfo {
	u.HasSecret = len(u.SealedSecret) > 0
	u.SealedSecret = nil
	return u
}

// SealedSecret is what om sealed of the user's secret, nil if there is no such user or
// it has none.
func SealedSecret(tx *table.Txn, name string) []byte {
	return table.Users.Get(tx, []byte(name)).GetSealedSecret()
}

func noUser(name string) error {
	return ozerr.New(ozerr.UserNotFound, "user %s does not exist", name)
}

// setUser makes or changes a user. Only the answer to a request with a sealed secret
// has the sealed secret: its sender is om itself.
func (c *call) setUser(r *ompb.SetUser) (*ompb.Response, error) {
	if err := checkUser(r); err != nil {
		return nil, err
	}
	old := table.Users.Get(c.tx, []byte(r.Name))
	switch {
	case old == nil && r.MustExist:
		return nil, noUser(r.Name)
	case old != nil && r.Create:
		return nil, ozerr.New(ozerr.UserAlreadyExists, "user %s already exists", r.Name)
	case r.IfNoSecret && len(old.GetSealedSecret()) > 0:
		return nil, ozerr.New(ozerr.SecretAlreadyShown, "user %s has a secret already, which was shown when it was made", r.Name)
	case r.SealedSecret != nil && len(r.SealedSecret) == 0 && len(old.GetSealedSecret()) == 0:
		return nil, ozerr.New(ozerr.UserNotFound, "user %s has no secret", r.Name)
	}
	if err := c.checkEmail(r.Name, r.GetEmail()); err != nil {
		return nil, err
	}
	u := old
	if u == nil {
		u = &ompb.UserInfo{Name: r.Name, CanonicalId: identity.CanonicalID(r.Name), DisplayName: r.Name, CreatedNs: c.now()}
		table.UserNames.Put(c.tx, []byte(byCanonicalID+u.CanonicalId), []byte(u.Name))
	}
	if r.Email != nil {
		c.moveEmail(u, *r.Email)
	}
	if r.DisplayName != nil {
		u.DisplayName = first(*r.DisplayName, r.Name)
	}
	if r.SealedSecret != nil {
		u.SealedSecret = r.SealedSecret
	}
	u.ModifiedNs = c.now()
	table.Users.Put(c.tx, []byte(u.Name), u)
	answer := userAnswer(u)
	if len(r.SealedSecret) > 0 {
		answer.GetUser().SealedSecret = r.SealedSecret
	}
	return answer, nil
}

func checkUser(r *ompb.SetUser) error {
	switch {
	case !legalUserName(r.Name):
		return ozerr.New(ozerr.InvalidArgument, "%q is no user name: want 1 to %d printable ASCII characters without space, comma and colon", r.Name, maxUserName)
	case len(r.GetDisplayName()) > maxDisplayName:
		return ozerr.New(ozerr.InvalidArgument, "a display name of %d bytes, at most %d", len(r.GetDisplayName()), maxDisplayName)
	case !legalText(r.GetDisplayName()):
		return ozerr.New(ozerr.InvalidArgument, "%q is no display name: it has characters that can't be shown", r.GetDisplayName())
	case r.GetEmail() != "" && !legalEmail(r.GetEmail()):
		return ozerr.New(ozerr.InvalidArgument, "%q is no e-mail address", r.GetEmail())
	case len(r.SealedSecret) > maxSealed:
		return ozerr.New(ozerr.InvalidArgument, "a secret of %d bytes, at most %d", len(r.SealedSecret), maxSealed)
	}
	return nil
}

// legalUserName: it is an access key, which travels in headers and stands in ARNs.
func legalUserName(name string) bool {
	if name == "" || len(name) > maxUserName || name == identity.Anonymous {
		return false
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' || name[i] == ',' || name[i] == ':' {
			return false
		}
	}
	return true
}

func legalText(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }) < 0
}

// legalEmail asks only for what keeps addresses apart from names: x@y, printable.
func legalEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && len(s) <= maxEmail && !strings.ContainsAny(s, " \t") &&
		!strings.Contains(domain, "@") && legalText(s)
}

// emailRow is where an address is registered; case makes no difference.
func emailRow(email string) []byte { return []byte(byEmail + strings.ToLower(email)) }

// checkEmail: an address is one user's.
func (c *call) checkEmail(name, email string) error {
	if owner, taken := table.UserNames.Get(c.tx, emailRow(email)); taken && string(owner) != name {
		return ozerr.New(ozerr.UserAlreadyExists, "the e-mail address %s is another user's", email)
	}
	return nil
}

// moveEmail gives u another e-mail address, "" for none.
func (c *call) moveEmail(u *ompb.UserInfo, email string) {
	if u.Email != "" {
		table.UserNames.Delete(c.tx, emailRow(u.Email))
	}
	if u.Email = email; email != "" {
		table.UserNames.Put(c.tx, emailRow(email), []byte(u.Name))
	}
}

func (c *call) deleteUser(r *ompb.DeleteUser) (*ompb.Response, error) {
	u := table.Users.Get(c.tx, []byte(r.Name))
	if u == nil {
		return nil, noUser(r.Name)
	}
	table.Users.Delete(c.tx, []byte(u.Name))
	table.UserNames.Delete(c.tx, []byte(byCanonicalID+u.CanonicalId))
	if u.Email != "" {
		table.UserNames.Delete(c.tx, emailRow(u.Email))
	}
	return userAnswer(u), nil
}

func (c *call) findUser(r *ompb.FindUser) (*ompb.Response, error) {
	name, wanted := r.Name, r.Name
	if name == "" {
		row := []byte(byCanonicalID + r.CanonicalId)
		wanted = r.CanonicalId
		if r.CanonicalId == "" {
			row, wanted = emailRow(r.Email), r.Email
		}
		found, _ := table.UserNames.Get(c.tx, row)
		name = string(found)
	}
	u := table.Users.Get(c.tx, []byte(name))
	if u == nil {
		return nil, noUser(wanted)
	}
	return userAnswer(u), nil
}

func (c *call) listUsers(r *ompb.ListUsers) (*ompb.Response, error) {
	list, limit := &ompb.UserList{}, page(r.Limit)
	table.Users.Scan(c.tx, []byte(r.Prefix), past(r.After), func(_ []byte, u *ompb.UserInfo) bool {
		if len(list.Users) == limit {
			list.Truncated = true
			return false
		}
		list.Users = append(list.Users, shown(u))
		return true
	})
	return &ompb.Response{Result: &ompb.Response_Users{Users: list}}, nil
}
