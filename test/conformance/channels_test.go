package conformance

// The services, as the AWS CLI calls them.
const (
	stages   = "ivs-realtime"
	channels = "ivs"
)

// A channelModel is the facts of the channels' API, which are written in another
// form than those of the stages'.
type channelModel struct {
	Operations map[string]struct {
		Method, URI, Output string
		Status              int
		Errors              []string
		Paginated           *struct{}
	}
	Shapes map[string]struct {
		Type, Member, Key, Value string
		Values                   []string
		HTTPStatus               int
		Members                  map[string]struct {
			Required bool
			Shape    string
		}
	}
}

// addTo adds the operations that the other service does not have, with their
// shapes, whose names are told apart by the service's.
func (c *channelModel) addTo(m *model) {
	own := func(shape string) string { return channels + ":" + shape }
	for name, of := range c.Shapes {
		s := shape{Type: of.Type, Member: own(of.Member), Key: own(of.Key), Value: own(of.Value), Members: map[string]member{}}
		for inner, is := range of.Members {
			target := c.Shapes[is.Shape]
			s.Members[inner] = member{Target: own(is.Shape), Type: target.Type, Required: is.Required, Location: "body", Enum: target.Values}
		}
		m.Shapes[own(name)] = s
	}
	for name, of := range c.Operations {
		if _, both := m.Operations[name]; both {
			continue // of tags
		}
		output := c.Shapes[of.Output]
		op := operation{
			Service: channels, Method: of.Method, URI: of.URI, Output: own(of.Output),
			SuccessStatus: max(of.Status, 200), HasResponseBody: len(output.Members) > 0,
		}
		for _, e := range of.Errors {
			op.Errors = append(op.Errors, struct {
				Shape      string
				HTTPStatus int
			}{e, c.Shapes[e].HTTPStatus})
		}
		if of.Paginated != nil {
			op.Pagination = &struct{ Items string }{}
		}
		m.Operations[name] = op
	}
}
