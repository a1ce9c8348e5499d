// Package bearer is the JOSE side of the outside world: it knows the registered client, checks
// the assertions that client signs, and signs the tokens the outside world issues.
package bearer

import (
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"sportello/infra/local/outside/state"
)

// Client is a relying party as registered with the providers of the outside world.
type Client struct {
	ID           string             `json:"client_id"`
	Keys         jose.JSONWebKeySet `json:"jwks"`
	RedirectURIs []string           `json:"redirect_uris"`
}

// Registry is the file with the registered client. It is read at every use: whoever starts the
// local cloud may write it before or after the outside world starts.
type Registry struct{ File string }

// Find returns the client with that id.
func (r Registry) Find(id string) (Client, error) {
	var c Client
	found, err := state.ReadJSON(r.File, &c)
	if err != nil {
		return Client{}, fmt.Errorf("reading the registered client: %w", err)
	}
	if !found || id == "" || c.ID != id {
		return Client{}, fmt.Errorf("client %q is not registered", id)
	}
	return c, nil
}
