package main

import (
	"context"
	"strconv"
	"time"

	"sportello/shared/domain/problem"
	"sportello/shared/edge/httpapi"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/evidence"
	"sportello/shared/flow/office"
	"sportello/shared/flow/officers"
	"sportello/shared/platform/table"
)

type handler struct {
	desk     *office.Desk
	people   *officers.Desk
	evidence *evidence.Desk
	cursors  *httpapi.Cursors
}

type call = httpapi.Call[access.Officer]

// register registers the office's paths behind a door.
func (h *handler) register(door httpapi.Door[access.Officer]) {
	httpapi.JSON(door, "GET /applications", h.list)
	httpapi.JSON(door, "GET /applications/{id}", h.show)
	httpapi.JSON(door, "GET /applications/{id}/timeline", h.timeline)
	httpapi.JSON(door, "GET /applications/{id}/documents/{doc}", h.document)
	httpapi.JSON(door, "GET /applications/{id}/evidence", h.proof)
	httpapi.JSON(door, "POST /applications/{id}/assignment", h.assign)
	httpapi.JSON(door, "POST /applications/{id}/messages", h.message)
	httpapi.JSON(door, "POST /applications/{id}/attachments", h.attach)
	httpapi.JSON(door, "POST /applications/{id}/attachments/{aid}/completion", h.complete)
	httpapi.JSON(door, "POST /applications/{id}/integration-requests", h.requestIntegration)
	httpapi.JSON(door, "POST /applications/{id}/decision", h.decide)
	httpapi.JSON(door, "GET /register/{year}", h.entries)
	httpapi.JSON(door, "GET /register/{year}/{number}", h.entry)
	httpapi.JSON(door, "POST /register/{year}/{number}/annulment", h.annul)
	httpapi.JSON(door, "GET /seals/{date}", h.seal)
	httpapi.JSON(door, "GET /problems", h.problems)
	httpapi.JSON(door, "POST /problems/{id}/retry", h.retry)
	httpapi.JSON(door, "GET /officers", h.officers)
	httpapi.JSON(door, "POST /officers", h.addOfficer)
	httpapi.JSON(door, "DELETE /officers/{id}", h.removeOfficer)
}

// list is the type of every list on the wire.
type list[T any] struct {
	Items  []T    `json:"items"`
	Cursor string `json:"cursor,omitempty"`
}

// after opens the cursor of a request, bound to who asks and what for.
func (h *handler) after(c call, scope []string) (*table.Cursor, error) {
	text := c.Query("cursor")
	if text == "" {
		return nil, nil
	}
	cursor := &table.Cursor{}
	return cursor, h.cursors.Open(text, cursor, scope...)
}

// page seals the cursor of what comes next.
func page[T any](h *handler, items []T, next *table.Cursor, scope []string) (list[T], error) {
	if next == nil {
		return list[T]{Items: items}, nil
	}
	cursor, err := h.cursors.Seal(next, scope...)
	return list[T]{items, cursor}, err
}

func (h *handler) list(ctx context.Context, c call, _ httpapi.None) (list[casefile.Summary], error) {
	assignee, err := h.assignee(ctx, c)
	if err != nil {
		return list[casefile.Summary]{}, err
	}
	filter := office.Filter{State: c.Query("state"), Service: c.Query("service"), Assignee: assignee, DueBefore: c.Query("due_before")}
	if since := c.Query("changed_since"); since != "" {
		at, err := time.Parse(time.RFC3339, since)
		if err != nil {
			return list[casefile.Summary]{}, problem.New(problem.Malformed, "Il parametro changed_since non è un istante RFC 3339.")
		}
		filter.ChangedSince = at
	}
	scope := []string{"office", c.Caller.Chamber, filter.State, filter.Service, filter.Assignee, filter.DueBefore, c.Query("changed_since")}
	after, err := h.after(c, scope)
	if err != nil {
		return list[casefile.Summary]{}, err
	}
	items, next, err := h.desk.List(ctx, c.Caller, filter, after)
	if err != nil {
		return list[casefile.Summary]{}, err
	}
	return page(h, items, next, scope)
}

// assignee is the tax code that a filter stands for: an address names people by opaque ids only.
func (h *handler) assignee(ctx context.Context, c call) (string, error) {
	switch id := c.Query("assignee"); id {
	case "", office.Nobody:
		return id, nil
	case "me":
		return c.Caller.TaxCode, nil
	default:
		o, ok, err := h.people.Named(ctx, c.Caller, id)
		if err == nil && !ok {
			err = problem.New(problem.Malformed, "L’addetto indicato non è tra quelli della Camera di commercio.").At("?assignee", "Addetto sconosciuto.")
		}
		return o.TaxCode, err
	}
}

func (h *handler) show(ctx context.Context, c call, _ httpapi.None) (casefile.View, error) {
	return h.desk.Show(ctx, c.Caller, c.Path("id"))
}

func (h *handler) timeline(ctx context.Context, c call, _ httpapi.None) (casefile.Story, error) {
	return h.desk.Timeline(ctx, c.Caller, c.Path("id"))
}

func (h *handler) document(ctx context.Context, c call, _ httpapi.None) (httpapi.None, error) {
	link, err := h.desk.Download(ctx, c.Caller, c.Path("id"), c.Path("doc"))
	if err == nil {
		c.Redirect(link)
	}
	return httpapi.None{}, err
}

// proof makes the evidence file and leads to it; who looked is recorded.
func (h *handler) proof(ctx context.Context, c call, _ httpapi.None) (httpapi.None, error) {
	opened, err := h.desk.Look(ctx, c.Caller, c.Path("id"))
	if err != nil {
		return httpapi.None{}, err
	}
	link, err := h.evidence.Link(ctx, opened)
	if err == nil {
		c.Redirect(link)
	}
	return httpapi.None{}, err
}

type assignment struct {
	Officer string `json:"officer"`
}

func (h *handler) assign(ctx context.Context, c call, in assignment) (casefile.View, error) {
	return h.desk.Assign(ctx, c.Caller, c.Path("id"), in.Officer)
}

type message struct {
	Text string `json:"text"`
}

func (h *handler) message(ctx context.Context, c call, in message) (office.Sent, error) {
	return h.desk.Message(ctx, c.Caller, c.Path("id"), in.Text)
}

func (h *handler) attach(ctx context.Context, c call, in draft.Claim) (draft.Attached, error) {
	return h.desk.Attach(ctx, c.Caller, c.Path("id"), in)
}

func (h *handler) complete(ctx context.Context, c call, _ httpapi.None) (draft.Completed, error) {
	return h.desk.Complete(ctx, c.Caller, c.Path("id"), c.Path("aid"))
}

type integrationRequest struct {
	Text string `json:"text"`
	Days int    `json:"days"`
}

func (h *handler) requestIntegration(ctx context.Context, c call, in integrationRequest) (office.Sent, error) {
	return h.desk.RequestIntegration(ctx, c.Caller, c.Path("id"), in.Text, in.Days)
}

type decision struct {
	Outcome  string `json:"outcome"`
	Text     string `json:"text"`
	Document string `json:"document"`
}

func (h *handler) decide(ctx context.Context, c call, in decision) (casefile.View, error) {
	return h.desk.Decide(ctx, c.Caller, c.Path("id"), in.Outcome, in.Text, in.Document)
}

// ---- the register ----

func (h *handler) entries(ctx context.Context, c call, _ httpapi.None) (list[office.RegisteredView], error) {
	scope := []string{"register", c.Caller.Chamber, c.Path("year"), c.Query("from"), c.Query("to")}
	after, err := h.after(c, scope)
	if err != nil {
		return list[office.RegisteredView]{}, err
	}
	items, next, err := h.desk.Entries(ctx, c.Caller, year(c), number(c.Query("from")), number(c.Query("to")), after)
	if err != nil {
		return list[office.RegisteredView]{}, err
	}
	return page(h, items, next, scope)
}

// year and number read what the document's patterns have admitted as digits.
func year(c call) int {
	y, _ := strconv.Atoi(c.Path("year"))
	return y
}

func number(text string) uint64 {
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}

func (h *handler) entry(ctx context.Context, c call, _ httpapi.None) (office.RegisteredView, error) {
	return h.desk.Entry(ctx, c.Caller, year(c), number(c.Path("number")))
}

type annulment struct {
	Reason    string `json:"reason"`
	Provision string `json:"provision"`
}

type accepted struct {
	ID string `json:"id"`
}

func (h *handler) annul(ctx context.Context, c call, in annulment) (accepted, error) {
	id, err := h.desk.Annul(ctx, c.Caller, year(c), number(c.Path("number")), in.Reason, in.Provision)
	return accepted{id}, err
}

func (h *handler) seal(ctx context.Context, c call, _ httpapi.None) (office.SealView, error) {
	return h.desk.Seal(ctx, c.Caller, c.Path("date"))
}

// ---- problems and officers ----

func (h *handler) problems(ctx context.Context, c call, _ httpapi.None) (list[office.ProblemView], error) {
	items, err := h.desk.Problems(ctx, c.Caller)
	return list[office.ProblemView]{Items: items}, err
}

func (h *handler) retry(ctx context.Context, c call, _ httpapi.None) (accepted, error) {
	return accepted{c.Path("id")}, h.desk.RetryProblem(ctx, c.Caller, c.Path("id"))
}

func (h *handler) officers(ctx context.Context, c call, _ httpapi.None) (list[officers.Officer], error) {
	items, err := h.people.List(ctx, c.Caller)
	return list[officers.Officer]{Items: items}, err
}

func (h *handler) addOfficer(ctx context.Context, c call, in officers.Details) (officers.Officer, error) {
	return h.people.Add(ctx, c.Caller, in)
}

func (h *handler) removeOfficer(ctx context.Context, c call, _ httpapi.None) (httpapi.None, error) {
	return httpapi.None{}, h.people.Remove(ctx, c.Caller, c.Path("id"))
}
