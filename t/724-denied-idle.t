#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The group is denied, once, to a member that has nothing to commit: the alarm
# goes when the right is there, not when the next record comes.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my %API = (heartbeat => 12, find_coordinator => 10);
my %ERROR = (not_coordinator => 16, group_denied => 30);

sub is_denied
{
	my ($f) = @_;

	return grep { $_->{what} eq 'authorization' }
	    @{($f->status // {})->{alarms} // []};
}

scenario 'an idle member' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(2);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    sink => 'blackhole', config => { 'heartbeat.interval.ms' => 500 });

	$f->start;
	$f->await_held(2);
	# It asks for its coordinator anew, and is turned away.
	$b->command("error $API{heartbeat} 1 $ERROR{not_coordinator}");
	$b->command("error $API{find_coordinator} 3 $ERROR{group_denied}");
	is_soon { is_denied($f) } 'it is denied';
	is_soon { !is_denied($f) } 'and then no more';
	$f->drain;
};

done_testing();
