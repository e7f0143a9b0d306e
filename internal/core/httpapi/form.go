package httpapi

import (
	"mime"
	"net/http"
	"strings"
)

const maxFormBytes = 256 << 10

var errForm = &apiError{415, "MPT-HTTP-FORM", "The body is not that of a form.", "Use the status page, or send JSON to /api/v1."}

// readForm reads a form of the status page into r.PostForm. If it cannot, it answers
// and returns false.
func readForm(w http.ResponseWriter, r *http.Request) bool {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		refuse(w, r, errForm)
		return false
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if r.ParseForm() != nil {
		refuse(w, r, badBody("The form cannot be read, or is too large."))
		return false
	}
	return true
}

// backToPage has the browser load the page anew, so that to do so once more sends nothing twice.
func backToPage(w http.ResponseWriter) {
	w.Header().Set("Location", "/")
	w.WriteHeader(http.StatusSeeOther)
}

// approvePage approves the launch that the page showed. One that has changed since is
// not approved, and is shown as it is now.
func (s *Server) approvePage(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r) {
		return
	}
	name := r.PostForm.Get("server")
	s.afterForm(w, r, name, s.opt.Commands.Approve(r.Context(), name, r.PostForm.Get("launch_id")))
}

// approveToolsPage approves the tools that were ticked, as they were shown.
func (s *Server) approveToolsPage(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r) {
		return
	}
	var tools []HeldTool
	for _, choice := range r.PostForm["tool"] {
		hash, name, _ := strings.Cut(choice, " ")
		tools = append(tools, HeldTool{Tool: name, Hash: hash})
	}
	if len(tools) == 0 {
		s.showPage(w, http.StatusUnprocessableEntity, draft{note: "Nothing was approved: tick the tools that AI clients may have."})
		return
	}
	name := r.PostForm.Get("server")
	s.afterForm(w, r, name, s.opt.Commands.ApproveTools(r.Context(), name, tools))
}

// toolChoice is what the box of a tool sends: a hash has no space.
func toolChoice(t HeldTool) string { return t.Hash + " " + t.Tool }

// afterForm shows the page again, with what went wrong.
func (s *Server) afterForm(w http.ResponseWriter, r *http.Request, server string, err error) {
	if err == nil {
		backToPage(w)
		return
	}
	e := commandError(err, server)
	if e.status == http.StatusInternalServerError {
		s.opt.Logger.Error("command failed", "path", r.URL.Path, "server", server, "err", err)
	}
	s.showPage(w, e.status, draft{note: visible(e.text + " " + e.hint)})
}
