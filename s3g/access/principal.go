package access

import (
	"strings"

	"github.com/mini-ozone/mini-ozone/internal/identity"
)

// principals are whom a statement speaks of.
type principals struct {
	everybody bool
	users     []string // names or canonical ids
	names     []string // those of users that were given plainly, not in an ARN
}

// matches says whether caller, "" for anonymous, is one of them.
func (p *principals) matches(caller string) bool {
	if p.everybody {
		return true
	}
	if caller == "" {
		return false
	}
	id := identity.CanonicalID(caller)
	for _, u := range p.users {
		if u == caller || u == id {
			return true
		}
	}
	return false
}

var errPrincipal = malformed("Invalid principal in policy")

// parsePrincipals reads the value of Principal or NotPrincipal.
func parsePrincipals(n *node) (*principals, error) {
	p := &principals{}
	if n.kind == 's' && n.text == "*" {
		p.everybody = true
		return p, nil
	}
	if n.kind != '{' || len(n.fields) == 0 {
		return nil, errPrincipal
	}
	for _, f := range n.fields {
		values, ok := f.value.strings()
		if !ok {
			return nil, errPrincipal
		}
		for _, v := range values {
			if err := p.add(f.name, v); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

func (p *principals) add(kind, value string) error {
	switch kind {
	case "AWS":
		return p.addAWS(value)
	case "CanonicalUser":
		if value == "" || strings.ContainsAny(value, "*?") {
			return errPrincipal
		}
		p.users = append(p.users, value)
		return nil
	case "Service", "Federated": // nobody here is one
		if value == "" {
			return errPrincipal
		}
		return nil
	}
	return errPrincipal
}

// addAWS takes "*", an ARN of a user or of an account, or a plain name.
func (p *principals) addAWS(value string) error {
	if value == "*" {
		p.everybody = true
		return nil
	}
	if value == "" || strings.ContainsAny(value, "*?") {
		return errPrincipal
	}
	if !strings.HasPrefix(value, "arn:") {
		p.users, p.names = append(p.users, value), append(p.names, value)
		return nil
	}
	parts := strings.SplitN(value, ":", 6)
	if len(parts) != 6 || parts[3] != "" {
		return errPrincipal
	}
	service, account, resource := parts[2], parts[4], parts[5]
	user, isUser := strings.CutPrefix(resource, "user/")
	switch {
	case service == "iam" && isUser && user != "":
		p.users = append(p.users, user)
	case service == "iam" && resource == "root" && account != "":
		p.users = append(p.users, account)
	case service == "iam" && strings.HasPrefix(resource, "role/"), service == "sts" && strings.Contains(resource, "/"):
		// Roles: there are none here, so nobody.
	default:
		return errPrincipal
	}
	return nil
}
