package httpapi

import "net/http"

// metricsType is Prometheus' text format.
const metricsType = "text/plain; version=0.0.4; charset=utf-8"

// metrics are the methods of /metrics; none if there is nothing to tell.
func (s *Server) metrics() map[string]http.HandlerFunc {
	if s.opt.Metrics == nil {
		return nil
	}
	return map[string]http.HandlerFunc{"GET": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", metricsType)
		if err := s.opt.Metrics(w); err != nil {
			s.opt.Logger.Debug("metrics not sent", "err", err) // the client has gone
		}
	}}
}
