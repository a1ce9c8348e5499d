package outside

import "net/http"

func (w *World) routes() {
	w.controlRoutes()
	w.pageRoutes()
	w.keeper.Routes(w.mux)
}

var _ http.Handler = (*http.ServeMux)(nil)
