package outside

import (
	"net/http"
	"slices"
	"strconv"

	"sportello/infra/local/outside/preservation"
)

func (w *World) showPackages(rw http.ResponseWriter, r *http.Request) {
	list := w.keeper.Packages()
	slices.Reverse(list)
	packagesPage.Write(rw, http.StatusOK, w.view(r, "Conservazione", "pacchetti", map[string]any{
		"Packages": list, "Next": w.keeper.Next(), "Outcomes": preservation.Outcomes(),
	}))
}

func (w *World) formNext(rw http.ResponseWriter, r *http.Request) {
	if err := w.keeper.SetNext(r.FormValue("next")); err != nil {
		w.trouble(rw, http.StatusBadRequest, err)
		return
	}
	back(rw, r, "/pacchetti", "prossimo")
}

func (w *World) formDecision(rw http.ResponseWriter, r *http.Request) {
	if err := w.keeper.Decide(r.PathValue("id"), r.FormValue("refuse") == "1"); err != nil {
		w.trouble(rw, http.StatusBadRequest, err)
		return
	}
	back(rw, r, "/pacchetti", "deciso")
}

func (w *World) downloadReport(rw http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		http.NotFound(rw, r)
		return
	}
	raw, found, err := w.keeper.Receipt(r.PathValue("id"), n)
	if err != nil || !found {
		http.NotFound(rw, r)
		return
	}
	rw.Header().Set("Content-Type", "application/pkcs7-mime")
	rw.Header().Set("Content-Disposition", `attachment; filename="rapporto-versamento.xml.p7m"`)
	_, _ = rw.Write(raw) // the peer has gone: nothing to do about it
}
