package trustworld

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"sportello/infra/local/outside/state"
)

// Service is one with a switch; its first mode is that of a service that works.
type Service struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Modes []Mode `json:"modes"`
	Mode  string `json:"mode"` // the one it is in
}

// Mode is what a service can be made to do.
type Mode struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Modes of the services.
const (
	Works       = "ok"
	Down        = "down"
	listExpired = "expired"
	tampered    = "tampered"
	stale       = "stale"
	unknown     = "unknown"
	wrongPrint  = "wrong-imprint"
	wrongNonce  = "wrong-nonce"
	rejection   = "rejection"
)

var (
	works = Mode{Works, "funziona"}
	down  = Mode{Down, "non disponibile (503)"}
)

var services = []Service{
	{ID: "list", Name: "Elenco di fiducia", Modes: []Mode{works, down,
		{listExpired, "scaduto: l’aggiornamento atteso non c’è stato"}, {tampered, "alterato dopo la firma: un servizio cessato vi risulta attivo"}}},
	{ID: "crl", Name: "Liste di revoca (CRL)", Modes: []Mode{works, down, {stale, "vecchie: oltre il prossimo aggiornamento"}}},
	{ID: "ocsp", Name: "Stato dei certificati (OCSP)", Modes: []Mode{works, down,
		{unknown, "risponde «sconosciuto»"}, {stale, "risposte vecchie: oltre il prossimo aggiornamento"}}},
	{ID: "tsa", Name: "Marche temporali", Modes: []Mode{works, down,
		{wrongPrint, "marca l’impronta di un altro documento"}, {wrongNonce, "risponde con un altro nonce"}, {rejection, "rifiuta ogni richiesta"}}},
}

// Switches are the switches of the services; they outlive a restart.
type Switches struct {
	file string
	mu   sync.Mutex
	on   map[string]string
}

func openSwitches(file string) (*Switches, error) {
	s := &Switches{file: file, on: map[string]string{}}
	_, err := state.ReadJSON(file, &s.on)
	return s, err
}

// Mode is the mode a service is in.
func (s *Switches) Mode(service string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.on[service]; m != "" {
		return m
	}
	return Works
}

// Set changes a service's mode; the error is for people.
func (s *Switches) Set(service, mode string) error {
	i := slices.IndexFunc(services, func(v Service) bool { return v.ID == service })
	if i < 0 {
		return fmt.Errorf("servizio %q sconosciuto", service)
	}
	if !slices.ContainsFunc(services[i].Modes, func(m Mode) bool { return m.ID == mode }) {
		return fmt.Errorf("modo %q sconosciuto per %s", mode, service)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(s.on)
	next[service] = mode
	if err := state.WriteJSON(s.file, next); err != nil {
		return err
	}
	s.on = next
	return nil
}

// All are the services with the mode each is in.
func (s *Switches) All() []Service {
	list := slices.Clone(services)
	for i := range list {
		list[i].Mode = s.Mode(list[i].ID)
	}
	return list
}
