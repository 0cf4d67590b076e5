#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Why there is no membership: what the broker has said of a join is an alarm,
# as long as it is so; and a broker that is frozen is no broker.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

sub alarm_of
{
	my ($f, $what) = @_;

	return join(' ', map { $_->{text} } grep { $_->{what} eq $what }
	    @{($f->status // {})->{alarms} // []});
}

# Not ready, and the reason is in status and /readyz.
sub says
{
	my ($f, $what, $pattern, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_soon { alarm_of($f, $what) =~ $pattern } $name, 60;
	my ($code, $text) = $f->http('/readyz');

	is($code, 503, 'it is not ready');
	like($text, qr/^\Q$what\E: /, '/readyz has the reason');
	like($text, $pattern, 'in the same words');
	return;
}

scenario 'a session that the broker does not allow' => sub {
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    config => { 'session.timeout.ms' => 500 });

	$f->{no_ledger} = 'it holds nothing';
	$f->start;
	says($f, 'group', qr/session timeout.*group\.min\.session/i,
	    'the broker\'s word, and which settings');
	like($f->log_text, qr/warn .*group: JoinGroup failed/, 'a warning');
};

scenario 'another assignor in the group' => sub {
	my $topic = $b->topic(2);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    config => { 'partition.assignment.strategy' => 'roundrobin' });
	my $g = Test::Forebay->new(broker => $b, topic => $topic,
	    group => $f->{group},
	    config => { 'partition.assignment.strategy' => 'range' });

	$f->start_ready(2);
	$g->start;
	says($g, 'group', qr/protocol.*assignment\.strategy/,
	    'the broker\'s word, and which settings');
	is(($f->http('/readyz'))[0], 204, 'the first goes on');
	is(alarm_of($f, 'group'), '', 'without an alarm');
	$f->drain;
	$g->await_held(2);
	is_soon { alarm_of($g, 'group') eq '' } 'once it is let in it is over';
	is(($g->http('/readyz'))[0], 204, 'and ready');
};

scenario 'a broker that is frozen' => sub {
	my $own = Test::Forebay::Kafka->private;
	my $session = 9;
	my $f = Test::Forebay->new(broker => $own, topic => $own->topic(1),
	    config => { 'session.timeout.ms' => 1000 * $session });

	$f->start_ready(1);
	is(($f->http('/readyz'))[0], 204, 'ready');
	my $frozen = time;

	$own->freeze;
	says($f, 'broker', qr/no broker (?:has answered|can be reached)/,
	    'no broker answers');
	my $took = time - $frozen;

	cmp_ok($took, '<', patience($session), 'within the session');
	$own->thaw;
	is_soon { alarm_of($f, 'broker') eq '' } 'it is over', 60;
	is_soon { ($f->http('/readyz'))[0] == 204 } 'and ready again', 60;
};

# Two with one name: the one that came last has it, the other waits for it.
scenario 'two masters with one group.instance.id' => sub {
	my $topic = $b->topic(2);
	my %config = ('group.instance.id' => 'twin');
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    config => \%config);
	my $g = Test::Forebay->new(broker => $b, topic => $topic,
	    config => \%config, group => $f->{group});

	$f->start_ready(2);
	$g->start_ready(2);
	says($f, 'instance', qr{\btwin\b.*host /?127\.0\.0\.1.*forebay-demo},
	    'the first says which host has it');
	my $rebalances = $g->status->{group}{rebalances};
	my $p = $b->producer($topic, rate => 500);

	wait_until { $p->acked > 5000 } 'records flow for ten seconds', 60;
	$p->close;
	$g->await_caught_up;
	is($g->status->{group}{rebalances}, $rebalances,
	    'the second was not fenced');
	is(($f->http('/readyz'))[0], 503, 'the first stands by');
	$g->drain;
	$f->await_held(2);
	is_soon { alarm_of($f, 'instance') eq '' } 'and has it again';
	is_soon { ($f->http('/readyz'))[0] == 204 } 'it is ready' or
	    diag(($f->http('/readyz'))[1]);
	$f->drain;
	$f->delivered_ok(logs => [$f->{out}, $g->{out}], repeated => 0);
};

done_testing();
