# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: what becomes of a record that a sink does not take.
package Test::Forebay::Sinks;

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Scenarios;
use Test::Forebay::Util;

# A topic that takes small records only.
my @SMALL = ('max.message.bytes=4000');
my ($FEW_BYTES, $MANY_BYTES) = (200, 20_000);

sub kafka
{
	my ($b, $topic) = @_;

	return { kafka => { setKey => JSON::PP::true(), brokers => [$b->bootstrap], topic => $topic } };
}

# Small and large records, mixed in each partition; how many large ones.
sub produce_mixed
{
	my ($b, $topic) = @_;

	for (1 .. 5) {
		$b->produce($topic, 400, size => $FEW_BYTES);
		$b->produce($topic, 8, size => $MANY_BYTES);
	}
	return 40;
}

# Counters add up; all others than those given are 0.
sub outcomes_ok
{
	my ($f, %want) = @_;
	my $sum = 0;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$want{$_} //= 0 for qw(delivered fallback dead_lettered dropped);
	$sum += $_ for values %want;
	return is_deeply($f->outcomes, { %want, returned => 0, held => 0,
	    read => $sum }, 'the counters say so, and add up');
}

# Headers of all records of a topic, as kcat prints them.
sub headers_of
{
	my ($b, $topic) = @_;
	my ($status, $out) = run(['kcat', '-C', '-e', '-q', '-b',
	    $b->bootstrap, '-t', $topic, '-o', 'beginning', '-f', '%h\n'],
	    timeout => patience(60));

	die "kcat: exit status $status\n" if $status;
	return map { +{ map { split /=/, $_, 2 } split /,/ } }
	    split /\n/, $out;
}

body fallback => 'what is too large for the sink goes to the fallback', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $copy = $b->topic(4, output => 1, settings => \@SMALL);
	my $rest = $b->topic(4, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic, sink => {
	    %{kafka($b, $copy)}, fallback => kafka($b, $rest),
	    retryStrategy => { onFailure => 'fallback' } });
	my $large = produce_mixed($b, $topic);

	$f->start->await_caught_up;
	outcomes_ok($f, delivered => 2000, fallback => $large);
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	# Those that were refused along with a large one were not written.
	$f->delivered_ok(from => [$copy, $rest], produced => 2000 + $large);
}, only => 'kafka';

body dead_letter => 'what is too large is dead-lettered with its story', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $copy = $b->topic(4, output => 1, settings => \@SMALL);
	my $dead = $b->topic(1, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    sink => kafka($b, $copy),
	    host => { deadLetter => { topic => $dead } });
	my $large = produce_mixed($b, $topic);

	$f->start->await_caught_up;
	outcomes_ok($f, delivered => 2000, dead_lettered => $large);
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	$f->delivered_ok(from => [$copy, $dead], produced => 2000 + $large,
	    any_order => 1);
	my @headers = headers_of($b, $dead);
	my %seen;

	is(scalar @headers, $large, 'all have headers');
	for my $h (@headers) {
		$seen{join '/', @$h{map { "forebay.source.$_" }
		    qw(topic partition offset)}}++;
		next if $h->{'forebay.source.topic'} eq $topic &&
		    $h->{'forebay.source.timestamp'} =~ /^\d{13}$/ &&
		    $h->{'forebay.attempts'} >= 1 &&
		    $h->{'forebay.sink'} eq 'sink' &&
		    $h->{'forebay.reason'} =~ /large/i &&
		    $h->{'forebay.worker'} =~ m{^.+/\d+$};
		fail('a dead letter without its story');
		diag(explain($h));
		last;
	}
	is(scalar keys %seen, $large, 'each names another record');
}, only => 'kafka';

# The sink's client refuses what is large; the other cluster's has no bound.
body dead_letter_elsewhere => 'dead letters go to another cluster', sub {
	my ($b) = @_;
	my $other = Test::Forebay::Mock->new;
	my $topic = $b->topic(4);
	my $copy = $b->topic(4, output => 1);
	my $dead = $other->topic(1, output => 1);
	my $sink = kafka($b, $copy);

	$sink->{kafka}{config} = "message.max.bytes: 2000\n";
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    sink => $sink, host => { deadLetter => { topic => $dead,
		brokers => [$other->bootstrap] } });
	my $large = produce_mixed($b, $topic);

	$f->start->await_caught_up;
	outcomes_ok($f, delivered => 2000, dead_lettered => $large);
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	$other->{journal} = $b->{journal};
	my $good = $b->verify(from => $copy);
	my $bad = $other->verify(from => $dead, loose => 1);

	is($good->{delivered}, 2000, 'the small ones are in the copy');
	is($bad->{delivered}, $large, 'the large ones are over there');
	is($good->{repeated} + $bad->{repeated}, 0, 'repeated 0');
	is($good->{corrupt} + $bad->{corrupt}, 0, 'corrupt 0');
	my @headers = headers_of($other, $dead);

	is(scalar(grep { ($_->{'forebay.source.topic'} // '') eq $topic }
	    @headers), $large, 'each says where it is from');
}, only => 'mock';

# The dead-letter topic is missing: the record is held, and nothing but its
# own partition waits for it.
body dead_letter_fails => 'a dead letter that cannot be written is held', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $copy = $b->topic(4, output => 1, settings => \@SMALL);
	my $dead = $b->unique_name('dead');
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    sink => kafka($b, $copy),
	    host => { deadLetter => { topic => $dead } });

	$b->produce($topic, 1, only => 2, size => $MANY_BYTES);
	$b->produce($topic, 4000, size => $FEW_BYTES);
	$f->start_ready(4);
	is_soon {
		my $p = $f->partitions;

		# Unknown is not the end.
		return !grep { $_ != 2 && $p->{"$topic/$_"}{acked} <
		    ($p->{"$topic/$_"}{high} // 1e18) } 0 .. 3;
	} 'the other partitions are read to their ends', patience(30);
	my $stuck = $f->partitions->{"$topic/2"};

	is($stuck->{acked}, 0, 'its own waits');
	is($f->outcomes->{dead_lettered}, 0, 'and it is no dead letter yet');
	$b->create_topic($dead, 1);
	$f->await_caught_up(patience(90));
	outcomes_ok($f, delivered => 4000, dead_lettered => 1);
	$f->drain;
	$f->delivered_ok(from => [$copy, $dead], produced => 4001);
}, only => 'kafka';

# Standard output is full for ever.
body drop => 'onFailure: drop gives up after the steps', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic, sink => {
	    log => {}, retryStrategy => { onFailure => 'drop',
		backoff => { steps => 3 } } });

	$f->{out} = '/dev/full';
	$b->produce($topic, 1000);
	$f->start->await_caught_up;
	outcomes_ok($f, dropped => 1000);
	like($f->log_text, qr/is dropped after 4 attempts/, 'the log says so');
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
};

body log_fallback => 'from a full standard output to a topic', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $copy = $b->topic(4, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic, sink => {
	    log => {}, fallback => kafka($b, $copy),
	    retryStrategy => { onFailure => 'fallback',
		backoff => { steps => 2 } } });

	$f->{out} = '/dev/full';
	$b->produce($topic, 1000);
	$f->start->await_caught_up;
	outcomes_ok($f, fallback => 1000);
	$f->drain;
	$f->delivered_ok(from => $copy, produced => 1000);
};

body on_success => 'what the sink has taken goes to onSuccess, too', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my @copies = map { $b->topic(4, output => 1) } 1, 2;
	my $f = Test::Forebay->new(broker => $b, topic => $topic, sink => {
	    %{kafka($b, $copies[0])}, onSuccess => kafka($b, $copies[1]) });

	$b->produce($topic, 5000);
	$f->start->await_caught_up;
	outcomes_ok($f, delivered => 5000);
	$f->drain;
	$f->delivered_ok(from => $_, produced => 5000) for @copies;
};

# Its values are no condition: everybody goes there.
body bypass => 'bypass sends records past the sink', sub {
	my ($b) = @_;
	my $topic = $b->topic(2);
	my $rest = $b->topic(2, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    sink => { log => {}, fallback => kafka($b, $rest) },
	    spec => { bypass => { fallback => { tags => { values => [] } } } });

	$b->produce($topic, 500);
	$f->start->await_caught_up;
	outcomes_ok($f, fallback => 500);
	$f->drain;
	$f->delivered_ok(from => $rest, produced => 500);
	is(-s $f->{out}, 0, 'the sink has seen nothing');
};

1;
