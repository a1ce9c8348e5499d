package main

import (
	"context"
	"encoding/json"
	"errors"

	"sportello/shared/edge/httpapi"
	"sportello/shared/flow/access"
	"sportello/shared/flow/casefile"
	"sportello/shared/flow/draft"
	"sportello/shared/flow/evidence"
	"sportello/shared/flow/exchange"
	"sportello/shared/platform/table"
)

type handler struct {
	drafts   *draft.Desk
	cases    *exchange.Desk
	evidence *evidence.Desk
	cursors  *httpapi.Cursors
}

type call = httpapi.Call[access.Applicant]

// register registers the routes and returns what Lambda calls.
func (h *handler) register(api *httpapi.API, sessions httpapi.Sessions[access.Applicant]) (any, error) {
	desk := httpapi.Cookie(api, "/api/v1", sessions)
	httpapi.JSON(desk, "POST /applications", h.create)
	httpapi.JSON(desk, "GET /applications", h.list)
	httpapi.JSON(desk, "GET /applications/{id}", h.show)
	httpapi.JSON(desk, "PATCH /applications/{id}", h.save)
	httpapi.JSON(desk, "DELETE /applications/{id}", h.discard)
	httpapi.JSON(desk, "POST /applications/{id}/attachments", h.attach)
	httpapi.JSON(desk, "DELETE /applications/{id}/attachments/{aid}", h.detach)
	httpapi.JSON(desk, "POST /applications/{id}/attachments/{aid}/completion", h.complete)
	httpapi.JSON(desk, "GET /applications/{id}/timeline", h.timeline)
	httpapi.JSON(desk, "GET /applications/{id}/documents/{doc}", h.document)
	httpapi.JSON(desk, "GET /applications/{id}/evidence", h.proof)
	httpapi.JSON(desk, "POST /applications/{id}/messages", h.message)
	httpapi.JSON(desk, "POST /applications/{id}/replies", h.reply)
	httpapi.JSON(desk, "POST /applications/{id}/withdrawal", h.withdraw)
	return api.Handler()
}

type newApplication struct {
	Chamber string `json:"chamber"`
	Service string `json:"service"`
	Profile string `json:"profile"`
}

func (h *handler) create(ctx context.Context, c call, in newApplication) (casefile.View, error) {
	return versioned(c)(h.drafts.Create(ctx, c.Caller, in.Chamber, in.Service, in.Profile))
}

// versioned sends the version as an ETag with the view.
func versioned(c call) func(casefile.View, error) (casefile.View, error) {
	return func(v casefile.View, err error) (casefile.View, error) {
		if err == nil {
			c.SetVersion(v.Version)
		}
		return v, err
	}
}

type page struct {
	Items  []casefile.Summary `json:"items"`
	Cursor string             `json:"cursor,omitempty"`
}

func (h *handler) list(ctx context.Context, c call, _ httpapi.None) (page, error) {
	profile := c.Query("profile")
	scope := []string{"applications", c.Caller.TaxCode, profile}
	var after *table.Cursor
	if text := c.Query("cursor"); text != "" {
		after = &table.Cursor{}
		if err := h.cursors.Open(text, after, scope...); err != nil {
			return page{}, err
		}
	}
	items, next, err := h.cases.List(ctx, c.Caller, profile, after)
	if err != nil || next == nil {
		return page{Items: items}, err
	}
	cursor, err := h.cursors.Seal(next, scope...)
	return page{Items: items, Cursor: cursor}, err
}

func (h *handler) show(ctx context.Context, c call, _ httpapi.None) (casefile.View, error) {
	return versioned(c)(h.cases.Show(ctx, c.Caller, c.Path("id")))
}

type answers struct {
	Answers json.RawMessage `json:"answers"`
}

func (h *handler) save(ctx context.Context, c call, in answers) (casefile.View, error) {
	version, err := c.Version()
	if err != nil {
		return casefile.View{}, err
	}
	return versioned(c)(h.drafts.Save(ctx, c.Caller, c.Path("id"), version, in.Answers))
}

func (h *handler) discard(ctx context.Context, c call, _ httpapi.None) (httpapi.None, error) {
	return httpapi.None{}, h.drafts.Discard(ctx, c.Caller, c.Path("id"))
}

// attach declares a file: of the draft, or, when the office has asked for something, of the reply.
func (h *handler) attach(ctx context.Context, c call, in draft.Claim) (draft.Attached, error) {
	attached, err := h.drafts.Attach(ctx, c.Caller, c.Path("id"), in)
	if errors.Is(err, draft.ErrPresented) {
		return h.cases.Attach(ctx, c.Caller, c.Path("id"), in)
	}
	return attached, err
}

func (h *handler) complete(ctx context.Context, c call, _ httpapi.None) (draft.Completed, error) {
	completed, err := h.drafts.Complete(ctx, c.Caller, c.Path("id"), c.Path("aid"))
	if errors.Is(err, draft.ErrPresented) {
		return h.cases.Complete(ctx, c.Caller, c.Path("id"), c.Path("aid"))
	}
	return completed, err
}

func (h *handler) detach(ctx context.Context, c call, _ httpapi.None) (httpapi.None, error) {
	err := h.drafts.Detach(ctx, c.Caller, c.Path("id"), c.Path("aid"))
	if errors.Is(err, draft.ErrPresented) {
		err = h.cases.Detach(ctx, c.Caller, c.Path("id"), c.Path("aid"))
	}
	return httpapi.None{}, err
}

func (h *handler) timeline(ctx context.Context, c call, _ httpapi.None) (casefile.Story, error) {
	return h.cases.Timeline(ctx, c.Caller, c.Path("id"))
}

func (h *handler) document(ctx context.Context, c call, _ httpapi.None) (httpapi.None, error) {
	link, err := h.cases.Download(ctx, c.Caller, c.Path("id"), c.Path("doc"))
	if err == nil {
		c.Redirect(link)
	}
	return httpapi.None{}, err
}

// proof makes the evidence file and leads to it.
func (h *handler) proof(ctx context.Context, c call, _ httpapi.None) (httpapi.None, error) {
	opened, err := h.cases.Open(ctx, c.Caller, c.Path("id"))
	if err != nil {
		return httpapi.None{}, err
	}
	link, err := h.evidence.Link(ctx, opened)
	if err == nil {
		c.Redirect(link)
	}
	return httpapi.None{}, err
}

type newMessage struct {
	Text   string `json:"text"`
	Formal bool   `json:"formal"`
}

func (h *handler) message(ctx context.Context, c call, in newMessage) (exchange.Sent, error) {
	return h.cases.Message(ctx, c.Caller, c.Path("id"), in.Text, in.Formal)
}

type newReply struct {
	Request     string   `json:"request"`
	Text        string   `json:"text"`
	Attachments []string `json:"attachments"`
}

func (h *handler) reply(ctx context.Context, c call, in newReply) (exchange.Sent, error) {
	return h.cases.Reply(ctx, c.Caller, c.Path("id"), in.Request, in.Text, in.Attachments)
}

type withdrawal struct {
	Reason string `json:"reason"`
}

func (h *handler) withdraw(ctx context.Context, c call, in withdrawal) (casefile.View, error) {
	return versioned(c)(h.cases.Withdraw(ctx, c.Caller, c.Path("id"), in.Reason))
}
