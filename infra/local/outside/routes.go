package outside

import "net/http"

// routes adds what the parts have not added while they were opened.
func (w *World) routes() {
	w.controlRoutes()
	w.pageRoutes()
	w.keeper.Routes(w.mux)
	w.institute.Routes(w.mux)
	w.protocols.Routes(w.mux)
	w.desk.Routes(w.mux)
	w.fiduciary.Routes(w.mux)
	w.signing.Routes(w.mux)
}

// handler keeps other sites' pages from posting forms here through a developer's browser; programs,
// which send neither Origin nor Sec-Fetch-Site, pass.
func (w *World) handler() http.Handler {
	return http.NewCrossOriginProtection().Handler(w.mux)
}
