package outside

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"time"

	"sportello/infra/local/outside/bearer"
	"sportello/infra/local/outside/mailbox"
	"sportello/infra/local/outside/pec"
)

const maxControl = 40 << 20

// controlRoutes adds what the pages do, as JSON for machines.
func (w *World) controlRoutes() {
	w.mux.HandleFunc("GET /control/status", w.controlStatus)
	w.mux.HandleFunc("GET /control/personas", func(rw http.ResponseWriter, _ *http.Request) {
		bearer.WriteJSON(rw, http.StatusOK, Personas())
	})
	w.mux.HandleFunc("GET /control/pec", w.controlMessages)
	w.mux.HandleFunc("GET /control/pec/{id}", w.controlMessage)
	w.mux.HandleFunc("GET /control/pec/{id}/original", w.controlOriginal)
	w.mux.HandleFunc("POST /control/pec/{id}/receipts", w.controlReceipt)
	w.mux.HandleFunc("POST /control/pec/incoming", w.controlIncoming)
	w.mux.HandleFunc("GET /control/hold", w.controlHeld)
	w.mux.HandleFunc("POST /control/hold", w.controlHold)
	w.mux.HandleFunc("POST /control/release", w.controlRelease)
	w.mux.HandleFunc("GET /control/mailboxes", w.controlMailboxes)
	w.mux.HandleFunc("POST /control/mailboxes/{address}", w.controlDrop)
	w.mux.HandleFunc("GET /control/registers", w.controlRegisters)
	w.mux.HandleFunc("POST /control/registers", w.controlSwitch)
	w.mux.HandleFunc("GET /control/packages", w.controlPackages)
	w.mux.HandleFunc("GET /control/packages/{id}", w.controlPackage)
	w.mux.HandleFunc("POST /control/packages/{id}/decision", w.controlDecision)
	w.mux.HandleFunc("POST /control/preservation", w.controlPreservation)
}

func (w *World) controlStatus(rw http.ResponseWriter, _ *http.Request) {
	bearer.WriteJSON(rw, http.StatusOK, map[string]any{
		"now": w.clock.Now(), "base": w.cfg.Base, "portal": w.cfg.Portal,
		"messages": len(w.provider.Messages("")), "packages": len(w.keeper.Packages()),
	})
}

// messageView is a message for machines: to as plain addresses, receipts in the order of arrival.
type messageView struct {
	ID          string          `json:"id"`
	MessageID   string          `json:"messageId"`
	Identifier  string          `json:"identifier"`
	From        string          `json:"from"`
	To          []string        `json:"to"`
	Subject     string          `json:"subject"`
	ReceivedAt  time.Time       `json:"receivedAt"`
	Certified   bool            `json:"certified"`
	ReceiptType string          `json:"receiptType"`
	Behaviour   string          `json:"behaviour"`
	Pending     bool            `json:"pending"`
	Receipts    []pec.Receipt   `json:"receipts"`
	Recipients  []pec.Recipient `json:"recipients"`
	Size        int             `json:"size"`
}

func viewMessage(m pec.Message) messageView {
	v := messageView{
		ID: m.ID, MessageID: m.MessageID, Identifier: m.Identifier, From: m.From, Subject: m.Subject, ReceivedAt: m.ReceivedAt,
		Certified: m.Certified, ReceiptType: m.Wanted, Pending: m.Pending(), Receipts: m.Receipts, Recipients: m.To, Size: m.Size,
	}
	if v.Receipts == nil {
		v.Receipts = []pec.Receipt{}
	}
	for _, r := range m.To {
		v.To = append(v.To, r.Address)
		if v.Behaviour == "" || r.Behaviour != "normale" {
			v.Behaviour = r.Behaviour
		}
	}
	return v
}

func (w *World) controlMessages(rw http.ResponseWriter, r *http.Request) {
	list := []messageView{}
	for _, m := range w.provider.Messages(r.URL.Query().Get("address")) {
		if id := r.URL.Query().Get("messageId"); id == "" || trimmed(id) == trimmed(m.MessageID) {
			list = append(list, viewMessage(m))
		}
	}
	bearer.WriteJSON(rw, http.StatusOK, list)
}

func (w *World) controlMessage(rw http.ResponseWriter, r *http.Request) {
	m, found := w.provider.Message(r.PathValue("id"))
	if !found {
		fail(rw, http.StatusNotFound, "messaggio sconosciuto")
		return
	}
	bearer.WriteJSON(rw, http.StatusOK, viewMessage(m))
}

func (w *World) controlOriginal(rw http.ResponseWriter, r *http.Request) {
	m, found := w.provider.Message(r.PathValue("id"))
	if !found {
		fail(rw, http.StatusNotFound, "messaggio sconosciuto")
		return
	}
	raw, err := w.provider.Original(m.ID)
	if err != nil {
		fail(rw, http.StatusInternalServerError, err.Error())
		return
	}
	rw.Header().Set("Content-Type", "message/rfc822")
	_, _ = rw.Write(raw) // the peer has gone: nothing to do about it
}

// controlReceipt issues a receipt by hand: {kind, recipient?, flaw?, at?, error?, detail?}.
func (w *World) controlReceipt(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Kind, Recipient, Error, Detail string
		Flaw                           pec.Flaw
		At                             time.Time
	}
	if !readJSON(rw, r, &in) {
		return
	}
	receipt, err := w.provider.Issue(r.PathValue("id"), pec.Step{
		Kind: in.Kind, Recipient: in.Recipient, Flaw: in.Flaw, Stamp: in.At, Error: in.Error, Detail: in.Detail,
	})
	if err != nil {
		fail(rw, http.StatusBadRequest, err.Error())
		return
	}
	bearer.WriteJSON(rw, http.StatusCreated, receipt)
}

// controlIncoming sends a message: by certified mail, unless certified is false.
func (w *World) controlIncoming(rw http.ResponseWriter, r *http.Request) {
	var in Letter
	if !readJSON(rw, r, &in) {
		return
	}
	m, err := w.post(in)
	if err != nil {
		fail(rw, http.StatusBadRequest, err.Error())
		return
	}
	bearer.WriteJSON(rw, http.StatusCreated, viewMessage(m))
}

func (w *World) controlHeld(rw http.ResponseWriter, _ *http.Request) {
	h, held := w.provider.Holding()
	answer := map[string]any{"on": h.On, "holding": held}
	if !h.Until.IsZero() {
		answer["until"] = h.Until
	}
	bearer.WriteJSON(rw, http.StatusOK, answer)
}

func (w *World) controlHold(rw http.ResponseWriter, r *http.Request) {
	var h pec.Hold
	if !readJSON(rw, r, &h) {
		return
	}
	if err := w.provider.SetHold(h); err != nil {
		fail(rw, http.StatusInternalServerError, err.Error())
		return
	}
	w.controlHeld(rw, r)
}

func (w *World) controlRelease(rw http.ResponseWriter, r *http.Request) {
	if err := w.provider.SetHold(pec.Hold{}); err != nil {
		fail(rw, http.StatusInternalServerError, err.Error())
		return
	}
	w.controlHeld(rw, r)
}

func (w *World) controlMailboxes(rw http.ResponseWriter, _ *http.Request) {
	list := []map[string]any{}
	for _, a := range w.mailboxes.Addresses() {
		box, err := w.mailboxes.Box(a)
		if err != nil {
			fail(rw, http.StatusInternalServerError, err.Error())
			return
		}
		st := box.Status()
		list = append(list, map[string]any{"address": a, "messages": st.Messages, "unseen": st.Unseen, "uidValidity": st.Validity, "uidNext": st.Next})
	}
	bearer.WriteJSON(rw, http.StatusOK, list)
}

// controlDrop puts the body, whatever it is, into a mailbox as a message: no envelope, no signature,
// as hostile mail that no provider handled.
func (w *World) controlDrop(rw http.ResponseWriter, r *http.Request) {
	address := mailbox.Normal(r.PathValue("address"))
	if err := checkAddress(address); err != nil {
		fail(rw, http.StatusBadRequest, err.Error())
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxControl))
	if err != nil {
		fail(rw, http.StatusBadRequest, "corpo non leggibile: "+err.Error())
		return
	}
	box, err := w.mailboxes.Box(address)
	if err != nil {
		fail(rw, http.StatusInternalServerError, err.Error())
		return
	}
	uid, err := box.Deliver("", raw)
	if err != nil {
		fail(rw, http.StatusInternalServerError, err.Error())
		return
	}
	bearer.WriteJSON(rw, http.StatusCreated, map[string]any{"address": address, "uid": uid})
}

func (w *World) controlRegisters(rw http.ResponseWriter, _ *http.Request) {
	bearer.WriteJSON(rw, http.StatusOK, map[string]any{"modes": w.calls.Modes(), "calls": w.calls.Recent()})
}

// controlSwitch turns a register's switch: {service, mode}.
func (w *World) controlSwitch(rw http.ResponseWriter, r *http.Request) {
	var in struct{ Service, Mode string }
	if !readJSON(rw, r, &in) {
		return
	}
	if err := w.calls.SetMode(in.Service, in.Mode); err != nil {
		fail(rw, http.StatusBadRequest, err.Error())
		return
	}
	w.controlRegisters(rw, r)
}

func (w *World) controlPackages(rw http.ResponseWriter, _ *http.Request) {
	bearer.WriteJSON(rw, http.StatusOK, map[string]any{"next": w.keeper.Next(), "items": w.keeper.Packages()})
}

func (w *World) controlPackage(rw http.ResponseWriter, r *http.Request) {
	k, found := w.keeper.Package(r.PathValue("id"))
	if !found {
		fail(rw, http.StatusNotFound, "pacchetto sconosciuto")
		return
	}
	bearer.WriteJSON(rw, http.StatusOK, k)
}

// controlDecision decides a package by hand: {refuse: bool}.
func (w *World) controlDecision(rw http.ResponseWriter, r *http.Request) {
	var in struct{ Refuse bool }
	if !readJSON(rw, r, &in) {
		return
	}
	if err := w.keeper.Decide(r.PathValue("id"), in.Refuse); err != nil {
		fail(rw, http.StatusBadRequest, err.Error())
		return
	}
	w.controlPackage(rw, r)
}

// controlPreservation chooses what happens to the next package: {next}.
func (w *World) controlPreservation(rw http.ResponseWriter, r *http.Request) {
	var in struct{ Next string }
	if !readJSON(rw, r, &in) {
		return
	}
	if err := w.keeper.SetNext(in.Next); err != nil {
		fail(rw, http.StatusBadRequest, err.Error())
		return
	}
	w.controlPackages(rw, r)
}

func readJSON(rw http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(rw, r.Body, maxControl))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		fail(rw, http.StatusBadRequest, "corpo non leggibile: "+err.Error())
		return false
	}
	return true
}

func fail(rw http.ResponseWriter, status int, detail string) {
	bearer.WriteJSON(rw, status, map[string]any{"status": status, "title": http.StatusText(status), "detail": detail})
}

func checkAddress(address string) error {
	a, err := mail.ParseAddress(address)
	if err != nil || a.Address != address {
		return fmt.Errorf("indirizzo %q non valido", address)
	}
	return nil
}
