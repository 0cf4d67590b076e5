#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The topic is deleted and created anew under the same name: its offsets start
# again, and what the group has committed means nothing any more.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

# Each topic of that name has sequences of its own, and so a journal.
sub new_life
{
	my ($b, $topic, $partitions) = @_;

	$b->tool_ok('topic', 'delete', $topic);
	$b->create_topic($topic, $partitions);
	unlink($b->{journal});
	spew($b->{journal}, '');
	return;
}

sub recreated
{
	my ($name, $records, %opt) = @_;
	my $b = Test::Forebay::Kafka->shared;
	my $load = Test::Forebay::Load->new($b, partitions => 4, %opt);
	my ($f) = $load->hosts;

	$load->settle;
	# The daemon has it open; emptied, not replaced.
	truncate($f->{out}, 0) or die "truncate: $!";
	new_life($b, $load->topic, 4);
	$load->breaks;
	$b->produce($load->topic, $records);
	$load->{rate} = 2000;
	$load->produce;
	$load->recovers($name);
	is_soon { $f->log_text =~ /topic \S+: deleted and created anew/ }
	    'the log says so';
	is_soon { $f->status->{counters}{resets} >= 4 }
	    'each partition counts as reset';
	cmp_ok($f->metric('forebay_offset_resets_total') // 0, '>=', 4,
	    'in the metric, too');
	is_soon { !@{$f->status->{troubles}} } 'and no trouble is left';
	verdict($load, $records);
}

# What was read of the new topic before its id was looked at, which is done
# every second, is read again from the beginning.  Where that was not the
# beginning, the first part comes after a later one: order is not asserted.
sub verdict
{
	my ($load, $records) = @_;
	my ($b, ($f)) = ($load->{broker}, $load->hosts);

	$load->producer->close;
	$f->await_caught_up;
	$f->drain;
	my $v = $b->verify(topic => $load->topic, logs => [$f->{out}]);

	note($v->{text});
	is($v->{$_}, 0, "$_ 0") for qw(lost corrupt foreign early);
	cmp_ok($v->{repeated}, '<=', $records + 3 * $load->{rate},
	    'repeated at most what was read before');
	return;
}

# Shorter than what was read of the old one, so that the offset is out of
# range; and longer, so that it is not, and nobody can tell by it.
scenario 'with fewer records than before' => sub {
	recreated('a topic is created anew, shorter', 100);
};

scenario 'with more records than before' => sub {
	recreated('a topic is created anew, longer', 20_000);
};

done_testing();
