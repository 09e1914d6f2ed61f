package s3g

import (
	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// ownerOf is the user of that name under its own name: open mode's owners.
func ownerOf(name string) s3xml.Owner {
	if name == "" {
		name = identity.Anonymous
	}
	return s3xml.Owner{ID: identity.CanonicalID(name), DisplayName: name}
}

// owners tells users as owners, initiators and grantees: by canonical id and, in secure
// mode, by display name. A user that om does not know, or can't tell of now, is told by
// name: a listing is worth more than that.
func (g *gateway) owners(r *request) func(name string) s3xml.Owner {
	if !g.cfg.Secure {
		return ownerOf
	}
	return func(name string) s3xml.Owner {
		owner := ownerOf(name)
		if u, err := g.named.get(r.Context(), name); err == nil && u.DisplayName != "" {
			owner.DisplayName = u.DisplayName
		}
		return owner
	}
}
