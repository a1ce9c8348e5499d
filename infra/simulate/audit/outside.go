package audit

import (
	"strings"

	"sportello/shared/domain/application"
	"sportello/shared/domain/catalogue"
	"sportello/shared/domain/layout"
)

// beside: where a chamber keeps a protocol of its own, each number of ours has the chamber's beside it, the first that it gave.
func (a *Auditor) beside() {
	for _, item := range rows(a.Applications, "APP#") {
		id := strings.TrimPrefix(item.PK, "APP#")
		meta := parse[application.Application](a.Applications.Peek(layout.Meta(id)))
		chamber, _ := catalogue.ChamberByID(meta.Chamber)
		var event string
		var protocol *application.Protocol
		switch {
		case item.SK == layout.Meta(id).SK && meta.Submission != nil:
			event, protocol = meta.Submission.Event, meta.Protocol
		case strings.HasPrefix(item.SK, layout.DocumentPrefix):
			document := parse[application.Document](item)
			event, protocol = document.ID, document.Protocol
		}
		if protocol == nil {
			continue
		}
		given := a.Given(chamber.ID, event)
		switch {
		case !chamber.Register.External() && (protocol.External != nil || len(given) > 0):
			a.Report(Once, "%s of case %s has a number of a protocol that its chamber does not keep", event, id)
		case chamber.Register.External() && (protocol.External == nil || len(given) == 0 || *protocol.External != given[0]):
			a.Report(Once, "%s of case %s: the number beside ours is %v, the chamber gave %v", event, id, protocol.External, given)
		}
	}
}
