package outside

import "net/http"

func (w *World) showTrust(rw http.ResponseWriter, r *http.Request) {
	trustPage.Write(rw, http.StatusOK, w.view(r, "Fiducia", "fiducia", map[string]any{
		"Services": w.fiduciary.Switches().All(), "Authorities": w.fiduciary.Authorities(),
	}))
}

func (w *World) formTrust(rw http.ResponseWriter, r *http.Request) {
	if err := w.fiduciary.Switches().Set(r.FormValue("service"), r.FormValue("mode")); err != nil {
		w.trouble(rw, http.StatusBadRequest, err)
		return
	}
	back(rw, r, "/fiducia", "interruttor")
}
