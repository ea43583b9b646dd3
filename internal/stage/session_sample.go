package stage

import (
	"rostrum/internal/sfu"
)

// A MediaSample is what one live stage carries, without hidden participants.
type MediaSample struct {
	StageID    string
	Publishers []PublisherSample // with replicas
	Receivers  []ReceiverSample
}

// A PublisherSample is what one participant publishes.
type PublisherSample struct {
	ParticipantID string
	sfu.PublisherStats
}

// A ReceiverSample is what one participant receives of another.
type ReceiverSample struct {
	ParticipantID string
	sfu.SubscriberStats
}

func (s *Session) mediaSample() MediaSample {
	publishers := map[string]*sfu.Publisher{}
	receivers := map[*sfu.Subscriber]string{}
	err := s.call(func() error {
		for _, p := range s.participants {
			if !p.stored() {
				continue
			}
			if publisher := p.publisher(); publisher != nil && p.publishing {
				publishers[p.id] = publisher
			}
			for _, c := range p.subscriptions {
				if c.subscriber != nil && c.started {
					receivers[c.subscriber] = p.id
				}
			}
		}
		return nil
	})
	sample := MediaSample{StageID: s.stageID}
	if err != nil { // it ended
		return sample
	}
	for id, publisher := range publishers {
		sample.Publishers = append(sample.Publishers, PublisherSample{id, publisher.Stats()})
	}
	for receiver, id := range receivers {
		sample.Receivers = append(sample.Receivers, ReceiverSample{id, receiver.Stats()})
	}
	return sample
}
