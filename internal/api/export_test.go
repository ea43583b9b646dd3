package api

// Names returns the operations of the server.
func (s *Server) Names() (all []string) {
	for _, op := range s.operations {
		all = append(all, op.spec.Name)
	}
	return all
}
