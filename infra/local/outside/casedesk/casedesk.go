// Package casedesk is a chamber's own case system ("gestionale"): pages on which a person works the
// chamber's cases through the product's chamber API, with the chamber's key and the officer's tax
// code. It knows the API by its contract alone and keeps nothing of its own.
package casedesk

import (
	"errors"
	"log/slog"
	"net/http"

	"sportello/infra/local/outside/state"
)

// Config is what the desk needs. Portal may be empty: the pages then say so.
type Config struct {
	Portal   string // public URL of the product's portal
	KeysFile string // chamber -> API key, read at every use
	Clock    state.Clock
	Log      *slog.Logger
}

// Desk is the case system.
type Desk struct {
	Config
	client *http.Client
}

// New checks the configuration.
func New(cfg Config) (*Desk, error) {
	if cfg.KeysFile == "" || cfg.Log == nil {
		return nil, errors.New("casedesk: incomplete configuration")
	}
	return &Desk{Config: cfg, client: newClient()}, nil
}
