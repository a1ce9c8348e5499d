package outside

import "net/http"

func (w *World) pageRoutes() {
	w.mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte("mondo esterno"))
	})
}
