#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What the host needs is not allowed, is allowed, and is taken away while
# records flow: first the topic, then the group.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Secured;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = secured_broker();

sub allow
{
	my ($what, $name, $how) = @_;

	return $b->tool_ok('acl', $how // 'allow', $USER, $what, $name);
}

# Not ready, and both the reason and the status name what is refused.
sub refused_ok
{
	my ($f, $pattern, $what) = @_;

	is_soon { ($f->http('/readyz'))[0] == 503 } "not ready: $what";
	is_soon {
		grep { $_->{text} =~ $pattern } @{$f->status->{alarms}};
	} 'the status says what is refused';
	is(($f->http('/livez'))[0], 204, 'alive all the same');
	return;
}

sub ready_ok
{
	my ($f) = @_;

	is_soon { ($f->http('/readyz'))[0] == 204 } 'ready by itself', 60;
	is_deeply($f->status->{alarms}, [], 'no trouble is left');
	return;
}

# It may say so now and then, and not all the time.
sub is_calm
{
	my ($f, $since) = @_;
	my $lines = () = substr($f->log_text, $since) =~
	    /authorization failed|not authorized/gi;

	cmp_ok($lines, '<', 60, "$lines lines in the log");
	return;
}

scenario 'from the beginning' => sub {
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    secured($b, my $dir = scratch()));

	$b->produce($topic, 1000);
	$f->start;
	refused_ok($f, qr/authoriz/i, 'nothing is allowed');
	allow(topic => $topic);
	is_soon {
		grep { $_->{text} =~ /group/i } @{$f->status->{alarms}};
	} 'then it is the group that is refused';
	allow(group => $f->{group});
	$f->await_caught_up;
	ready_ok($f);
	is_calm($f, 0);
	$f->drain;
	$f->delivered_ok(produced => 1000);
};

for my $what (qw(topic group)) {
	scenario "the $what, while records flow" => sub {
		my $topic = $b->topic(8);
		my $group = "secured-$what-$$";

		allow(topic => $topic);
		allow(group => $group);
		my $load = Test::Forebay::Load->new($b, topic => $topic,
		    group => $group, secured($b, my $dir = scratch()));
		my ($f) = $load->hosts;
		my $said = length $f->log_text;
		my $until = time + seconds(5);

		$load->breaks;
		allow($what => $what eq 'topic' ? $topic : $group, 'deny');
		refused_ok($f, qr/authoriz/i, "the $what is denied");
		wait_until { time > $until } 'a while has passed', 60;
		$b->tool_ok('acl', 'clear', $USER);
		allow(topic => $topic);
		allow(group => $group);
		$load->recovers("access to the $what is refused for "
		    . seconds(5) . ' s');
		ready_ok($f);
		is_calm($f, $said);
		# What was acked last cannot be committed any more, and the
		# group takes the partitions away.
		$load->verdict(repeated => $load->{rate} +
		    2 * $Test::Forebay::Load::IN_FLIGHT);
	};
}

# It is assigned, and can be neither read nor committed.
scenario 'one topic of two may only be described' => sub {
	my ($good, $bad) = ($b->topic(2), $b->topic(2));
	my $f = Test::Forebay->new(broker => $b, topic => [$good, $bad],
	    group => "half-$$", secured($b, my $dir = scratch()));

	allow(topic => $good);
	allow(topic => $bad, 'describe');
	allow(group => $f->{group});
	$b->produce($_, 1000) for $good, $bad;
	$f->start;
	wait_until { $b->is_caught_up($f->{group}, $good) }
	    'the other is committed', 60;
	is_soon { grep { $_->{what} =~ /commit|stuck|topic|authorization/ &&
	    $_->{text} =~ /\Q$bad\E/ } @{$f->status->{alarms}} }
	    'an alarm names the one';
	is_deeply([grep { $_->{text} =~ /\Q$good\E/ }
	    @{$f->status->{alarms}}], [], 'and not the other');
	is_soon { ($f->http('/readyz'))[0] == 204 } 'ready, for the other';
	my $said = length $f->log_text;

	$b->produce($good, 1000);
	wait_until { $b->is_caught_up($f->{group}, $good) }
	    'more of the other is committed', 60;
	$f->{no_ledger} = 'one topic is refused';
	$f->signal('QUIT');
	is($f->await_exit, 0, 'exits with 0');
	unlike(substr($f->log_text, $said),
	    qr/\Q$good\E.*will be repeated/, 'nothing will be repeated');
	$f->delivered_ok(topic => $good, produced => 2000);
};

# The start of a new group is committed before anything is read: a topic that
# does not let it does not keep the other from beginning.
scenario 'a new group begins at the latest, and one topic refuses' => sub {
	my ($bad, $good) = ($b->topic(2), $b->topic(2));
	my $f = Test::Forebay->new(broker => $b, topic => [$good, $bad],
	    group => "latest-$$", secured($b, my $dir = scratch()),
	    config => { 'auto.offset.reset' => 'latest' });
	allow(topic => $good);
	allow(topic => $bad, 'describe');
	allow(group => $f->{group});
	$f->start;
	is_soon { 2 == grep { $_->{topic} eq $good && $_->{state} eq 'HELD' }
	    @{$f->status->{partitions}} } 'the other is read', 60;
	is_soon { grep { $_->{what} eq 'offsets' && $_->{text} =~
	    /\Q$bad\E.*does not take its start/ } @{$f->status->{alarms}} }
	    'an alarm names the one, and says why';
	$b->produce($good, 1000);
	wait_until { $b->is_caught_up($f->{group}, $good) }
	    'the other is committed', 60;
	allow(topic => $bad);
	is_soon { 2 == grep { $_->{topic} eq $bad && $_->{state} eq 'HELD' }
	    @{$f->status->{partitions}} } 'once it is allowed it begins', 60;
	ready_ok($f);
	$f->drain;
	$f->delivered_ok(topic => $good, produced => 1000);
};

done_testing();
