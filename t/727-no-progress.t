#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Partitions that make no progress: the alarm, the gauge, the line in `status`
# and the reason; and that lag grows meanwhile, as the broker has it.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Pipe;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

# The text of an alarm, or "".
sub alarm_of
{
	my ($f, $what) = @_;
	my ($alarm) = grep { $_->{what} eq $what }
	    @{($f->status // {})->{alarms} // []};

	return $alarm ? $alarm->{text} : '';
}

scenario 'the sink stands still' => sub {
	my $topic = $b->topic(2);
	my $f = Test::Forebay->new(broker => $b, topic => $topic, workers => 1,
	    host => { progressTimeout => '2s',
		memory => { maxRecords => 1000 } });
	my $pipe = Test::Forebay::Pipe->new($f);

	$f->start;
	$f->await_held(2);
	$b->produce($topic, 4000);
	is_soon { alarm_of($f, 'sink') =~ /^2 partitions stand still/ }
	    'an alarm says so' or diag(explain($f->status->{alarms}));
	my $lag = $f->status->{lag};

	$b->produce($topic, 20_000);
	is_soon { ($f->status->{lag} // -1) == $lag + 20_000 }
	    'what is produced meanwhile counts in lag';
	is($f->metric('forebay_lag'), $lag + 20_000, 'forebay_lag, too');
	is($f->metric('monovtx_pending_raw', mvtx_replica => 0),
	    $lag + 20_000, 'and monovtx_pending_raw');
	is($f->metric('forebay_partition_stuck', topic => $topic,
	    partition => 1), 1, 'the gauge of a partition is 1');
	like(($f->cli('status'))[1], qr/^\Q$topic\E\/1  sink, stuck for /m,
	    'a line in status');
	is(($f->http('/readyz'))[0], 204, 'the host can take work still');
	$pipe->flow;
	is_soon { !@{$f->status->{alarms}} } 'the alarm goes with the cause';
	$f->await_caught_up;
	is($f->metric('forebay_partition_stuck', topic => $topic,
	    partition => 1), 0, 'and the gauge is 0');
	is($f->status->{lag}, 0, 'lag is 0');
	$f->drain;
	$pipe->done;
	$f->delivered_ok(produced => 24_000);
};

# Two roles, one output: it is the first of them that takes no more.
scenario 'the sink stands still, and is onSuccess, too' => sub {
	my $topic = $b->topic(1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic, workers => 1,
	    sink => { log => {}, onSuccess => { log => {} } },
	    host => { progressTimeout => '2s',
		memory => { maxRecords => 1000 } });
	my $pipe = Test::Forebay::Pipe->new($f);

	$f->start;
	$f->await_held(1);
	$b->produce($topic, 4000);
	is_soon { alarm_of($f, 'sink') =~ /stands still.*takes no more/ }
	    'the alarm is of the sink' or diag(explain($f->status->{alarms}));
	is(alarm_of($f, 'onSuccess'), '', 'and not of onSuccess');
	$pipe->flow;
	$f->await_caught_up;
	$f->drain;
	$pipe->done;
};

# A topic that is not there: librdkafka alone would wait half a minute for it.
scenario 'the sink has no topic' => sub {
	my $topic = $b->topic(2);
	my $f = Test::Forebay->new(broker => $b, topic => $topic, workers => 1,
	    sink => { kafka => { brokers => [$b->bootstrap],
		    topic => "$topic-out" } },
	    host => { progressTimeout => '2s' });

	$f->start;
	$f->await_held(2);
	$b->produce($topic, 100);
	my $said = qr/sink: topic \Q$topic\E-out: Broker: Unknown topic/;

	is_soon { $f->log_text =~ $said } 'the log says which';
	is_soon { alarm_of($f, 'sink') =~ /stand.*: topic \Q$topic\E-out: / }
	    'and so does the alarm' or diag(explain($f->status->{alarms}));
	unlike($f->log_text, qr/offset \d+: sink/,
	    'before a record has failed');
	$b->create_topic("$topic-out", 1);
	is_soon { !@{$f->status->{alarms}} } 'it goes with the cause';
	$f->await_caught_up;
	$f->drain;
};

done_testing();
