// Package trust reads a member state's trusted list (ETSI TS 119 612): which services issue qualified certificates and timestamps, and
// since when, so that a signature is judged by what its issuer was at the time that counts.
package trust

import (
	"time"
)

// List is a trusted list that was verified.
type List struct {
	Territory  string    `json:"territory"`
	Sequence   int       `json:"sequence"`
	IssuedAt   time.Time `json:"issuedAt"`
	NextUpdate time.Time `json:"nextUpdate"`
	Services   []Service `json:"services"`
}

// Service is one trust service with its history.
type Service struct {
	Provider     string   `json:"provider"`
	Name         string   `json:"name"`
	Type         string   `json:"type"`         // URI of the service type
	Certificates [][]byte `json:"certificates"` // DER
	Statuses     []Status `json:"statuses"`     // newest first
}

// Status is what a service was from an instant on.
type Status struct {
	URI        string    `json:"uri"`
	From       time.Time `json:"from"`
	Signatures *bool     `json:"signatures,omitempty"` // for electronic signatures, where the list says for what
}
